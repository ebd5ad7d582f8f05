import type { Played } from './rules.ts'
import type { Credential } from './stage.ts'

/** A credential that must have ended, and by what. */
interface Ending {
  readonly label: string
  readonly why: string
}

/** What a step must have ended, and what ends with something that is over. */
export function mustHaveEnded(played: Played): Ending[] {
  const { stage, after, outcome } = played
  const withOthers = [...after.held.keys()].flatMap((label) => {
    const endsWith = stage.credentials.get(label)?.endsWith
    return endsWith === undefined || after.held.has(endsWith)
      ? []
      : [{ label, why: 'the secret that made it' }]
  })
  return outcome.isDone ? [...withOthers, ...byStep(played)] : withOthers
}

function byStep({ stage, step, before, after, outcome }: Played): Ending[] {
  const { action, input, by } = step
  const all = [...stage.credentials.values()]
  const idOf = (label: unknown): string | undefined => stage.things.get(String(label).slice(1))?.id
  const id = idOf(input.id)
  const ofKey = all.filter((it) => it.keyId === id && it.label !== outcome.given)
  const those = (credentials: readonly Credential[], why: string): Ending[] =>
    credentials.map(({ label }) => ({ label, why }))
  const issuedTo = (credential: Credential, matches: (giver: Credential) => boolean): boolean => {
    const receiver = stage.credentials.get(credential.receiver ?? '')
    return receiver !== undefined && (matches(receiver) || issuedTo(receiver, matches))
  }
  switch (action) {
    case 'rotateApiKey':
    case 'migrateLegacyKey':
      return input.overlapSeconds === 0
        ? those(
            ofKey.filter(({ kind }) => kind === 'SECRET'),
            'a rotation without overlap',
          )
        : []
    case 'transferApiKey':
      return those(ofKey, 'a transfer')
    case 'disableApiKey':
      return those(ofKey, 'disabling')
    case 'revokeApiKey':
      return [
        ...those(ofKey, 'revocation'),
        ...(input.includeCreated === true
          ? those(
              all.filter((it) => issuedTo(it, (receiver) => receiver.keyId === id)),
              'revocation with all that it made',
            )
          : []),
      ]
    case 'removeMember': {
      const leaver = [...before.held.values()].find(({ memberId }) => memberId === id)
      const isTheirs = ({ label, receiverUser }: Credential): boolean =>
        leaver !== undefined &&
        receiverUser === leaver.user &&
        after.held.get(label)?.key?.ownerKind === 'MACHINE'
      return input.revokeCreated === true
        ? those(all.filter(isTheirs), 'the removal of who was given it')
        : []
    }
    case 'revokeAccessTokens':
      return those(
        all.filter(({ kind, keyId: its }) => kind === 'TOKEN' && its === idOf(input.apiKeyId)),
        'revocation of the tokens',
      )
    case 'revokeAccessToken':
    case 'rotateAccessToken':
      return [{ label: by, why: action }]
    default:
      return []
  }
}
