import type { Snapshot } from './probe.ts'
import type { Credential, Stage } from './stage.ts'
import { legacySecret, resolveInput, type Step } from './steps.ts'
import { makeOlder } from './time.ts'

/** The result of a step. */
export interface Outcome {
  readonly isDone: boolean
  /** Codes of errors. */
  readonly codes: readonly string[]
  /** The label of the credential that the caller was given. */
  readonly given?: string | undefined
}

const secretPayload = 'apiKey { id } secret'
const tokenPayload = 'accessToken { id } token'
const memberPayload = 'member { id user { id } }'
const selections: Readonly<Record<string, string>> = {
  createApiKey: secretPayload,
  rotateApiKey: secretPayload,
  transferApiKey: secretPayload,
  migrateLegacyKey: secretPayload,
  importLegacyKeys: 'results { apiKey { id } errors { code } }',
  createAccessToken: tokenPayload,
  rotateAccessToken: tokenPayload,
  createScope: 'scope { id }',
  createSpace: 'space { id }',
  createAgent: 'agent { id }',
  createSession: 'session { id }',
  addMember: memberPayload,
  createMachineUser: memberPayload,
}

const queryOf = (mutation: string): string => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const selection = `${selections[mutation] ?? ''} errors { code path }`
  return `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} } }`
}

/** Plays a step; undefined where what it names is not there. */
export async function perform(
  stage: Stage,
  step: Step,
  before: Snapshot,
): Promise<Outcome | undefined> {
  const { tenant, by, action } = step
  if (action === 'time') {
    await makeOlder(stage, Number(step.input.seconds))
    return { isDone: true, codes: [] }
  }
  const caller = stage.credentials.get(by)
  const input = resolveInput(stage, before, step)
  if (caller === undefined || input === undefined) return undefined
  const headers = caller.kind === 'PERSON' ? { 'x-workspace-id': stage.tenants[tenant].id } : {}
  const origin = { address: stage.address, headers }
  const { data, errors } = await stage.world.gql(caller.secret, queryOf(action), { input }, origin)
  if (!errors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED')) stage.used.add(by)
  const payload = data?.[action]
  const codes = [
    ...errors.map(({ extensions }) => String(extensions.reason ?? extensions.code)),
    ...(payload?.errors ?? []).map(({ code }: { code: string }) => code),
  ]
  if (!payload || codes.length > 0) return { isDone: false, codes }
  return { isDone: true, codes, given: learn(stage, step, payload, before) }
}

/** Notes what a mutation has made; the label of the credential that its caller was given. */
function learn(stage: Stage, step: Step, payload: any, before: Snapshot): string | undefined {
  const { n, tenant, by } = step
  const { apiKey = payload.results?.[0]?.apiKey, accessToken, member } = payload
  const made = {
    key: apiKey,
    token: accessToken,
    scope: payload.scope,
    space: payload.space,
    agent: payload.agent,
    session: payload.session,
    member,
    user: member?.user,
  }
  for (const [kind, thing] of Object.entries(made) as [keyof typeof made, { id: string } | null][])
    if (thing) stage.add({ label: `${kind}${n}`, kind, tenant, id: thing.id })
  if (payload.token) {
    const credential = { ...tokenOf(stage, by), label: `token${n}`, tenant, secret: payload.token }
    stage.addCredential(credential)
    return credential.label
  }
  const secret = payload.secret ?? (apiKey && importedSecret(stage, step))
  if (!secret) return undefined
  const origin = originOf(stage, by, before, apiKey.id)
  const credential = { ...origin, kind: 'SECRET', label: `secret${n}`, tenant, secret } as const
  stage.addCredential(credential)
  return credential.label
}

/** The secret that was imported; undefined for one that is known from an earlier step. */
function importedSecret(stage: Stage, { action, input }: Step): string | undefined {
  if (action !== 'importLegacyKeys') return undefined
  const [{ value }] = input.keys as [{ value: string }]
  const secret = legacySecret(stage, value.slice(1))
  return [...stage.credentials.values()].some((it) => it.secret === secret) ? undefined : secret
}

/** By whom a new secret was asked for, and with what it must end. */
function originOf(
  { credentials }: Stage,
  by: string,
  before: Snapshot,
  keyId: string,
): Pick<Credential, 'keyId' | 'receiver' | 'receiverUser' | 'endsWith'> {
  const caller = credentials.get(by)
  // A key that rotates itself stays with whom it was given to.
  if (caller?.kind === 'SECRET' && caller.keyId === keyId) return { ...caller, keyId }
  const acting = caller?.mintedBy ?? by
  const endsWith = before.held.get(acting)?.isRetiring ? acting : credentials.get(acting)?.endsWith
  return { keyId, receiver: by, receiverUser: before.held.get(by)?.user, endsWith }
}

/** A token ends with the secret that minted it, or the first of its chain. */
function tokenOf({ credentials }: Stage, by: string) {
  const { kind, keyId = '', mintedBy = by, family = by } = credentials.get(by) ?? {}
  const own = { kind: 'TOKEN', keyId, receiver: mintedBy, mintedBy, endsWith: mintedBy } as const
  return kind === 'TOKEN' ? { ...own, family } : own
}
