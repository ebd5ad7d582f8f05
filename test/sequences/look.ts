import { isPermission, isPerSpace } from '../../src/auth/permissions.ts'
import { heldIn, reaches } from '../../src/auth/policy.ts'
import { onlyOwnKeys, onlyOwnSessions } from '../../src/auth/roles.ts'
import { heldInEvery, spacesOfAgent } from './agents.ts'
import { type Held, keysIn, type Snapshot } from './probe.ts'
import { breach, type Violation } from './rules.ts'
import { personLabel, type Stage, type Tenant } from './stage.ts'

const query = `{
  viewer { permissions allSpaces spaces { spaceId permissions } }
  sessions(first: 100) { nodes { id } }
  apiKeys(first: 100) { nodes { id } } }`

/** Looks through the API at what a credential can do and see, and compares it with what was read. */
export async function look(
  stage: Stage,
  tenant: Tenant,
  snapshots: readonly Snapshot[],
  label: string,
): Promise<Violation[]> {
  const snapshot = snapshots[tenant.index]
  const credential = stage.credentials.get(label)
  const its = snapshot?.held.get(label)
  if (credential === undefined || snapshot === undefined || its === undefined) return []
  const { address } = stage
  const headers = credential.kind === 'PERSON' ? { 'x-workspace-id': tenant.id } : {}
  const { secret } = credential
  const violation = (rule: string, detail: string): Violation => ({ rule, label, detail })
  // Before the other request, which claims the membership in the workspace that it names.
  const elsewhere = await wrongWorkspace(stage, snapshots, label)
  const { data, errors } = await stage.world.gql(secret, query, {}, { address, headers })
  const refusal = errors.find(({ extensions }) => extensions.code === 'UNAUTHENTICATED')
  if (refusal !== undefined) {
    const reason = String(refusal.extensions.reason)
    const isExpected = !its.isLive || reason === 'IP_NOT_ALLOWED'
    return isExpected ? [] : [violation('refused, but read as live', reason)]
  }
  stage.used.add(label)
  if (!its.isLive) return [violation('accepted, but read as over', '')]
  const sessions = await sessionsBeyond(stage, its, data.sessions?.nodes ?? [])
  const keys = keysBeyond(stage, snapshot, label, data.apiKeys?.nodes ?? [])
  return [
    ...elsewhere,
    ...breach('differs from what was read of it', label, viewerDiffers(data.viewer, its, snapshot)),
    ...breach('lists sessions out of reach', label, sessions),
    ...breach('lists keys out of sight', label, keys),
  ]
}

const sorted = (names: Iterable<string>): string => [...names].sort().join()

/** How the viewer differs from what was read of the credential. */
function viewerDiffers(viewer: any, { rights }: Held, { spaces }: Snapshot): string[] {
  const ofWorkspace = (names: Iterable<string>) =>
    sorted([...names].filter((name) => isPermission(name) && !isPerSpace(name)))
  const isSame = ofWorkspace(viewer.permissions) === ofWorkspace(rights.permissions)
  const inSpaces: { spaceId: string; permissions: string[] }[] = viewer.spaces
  return [
    ...(isSame ? [] : ['permissions']),
    ...(viewer.allSpaces === rights.allSpaces ? [] : ['allSpaces']),
    ...inSpaces
      .filter(
        ({ spaceId, permissions }) =>
          !spaces.includes(spaceId) || sorted(permissions) !== sorted(heldIn(rights, spaceId)),
      )
      .map(({ spaceId, permissions }) => `${permissions} in ${spaceId}`),
  ]
}

type Listed = readonly { readonly id: string }[]

/** A session is seen where its agent is and where it was as the session began. */
async function sessionsBeyond(stage: Stage, its: Held, listed: Listed): Promise<string[]> {
  const beyond: string[] = []
  for (const { id } of listed) {
    const session = stage.sessions.get(id)
    if (session === undefined) return ['a session that nobody began']
    const spaceIds = [...session.spaceIds, ...(await spacesOfAgent(stage, session.agentId))]
    const isTheirs = !onlyOwnSessions(its.role) || session.user === its.user
    if (!isTheirs || !heldInEvery(its, spaceIds).has('sessions:read'))
      beyond.push(stage.labels.ofId(id))
  }
  return beyond
}

/** Whom a key is shown to: docs/permissions.md. */
function keysBeyond(stage: Stage, snapshot: Snapshot, label: string, listed: Listed): string[] {
  const its = snapshot.held.get(label)
  const keys = keysIn(snapshot)
  return listed.flatMap(({ id }) => {
    const key = keys.get(id)
    // What was read of a key that has ended is not remembered.
    if (key === undefined || its === undefined) return []
    const isOwn = (key.ownerEmail ?? key.ownerId) === its.user
    const isUnlisted = its.names.has(`@~${its.user}`)
    const isSeen =
      its.rights.allSpaces ||
      its.key?.id === id ||
      (key.allSpaces
        ? isOwn && isUnlisted
        : (isOwn && its.kind === 'PERSON') ||
          key.grants.every(({ spaceId }) => reaches(its.rights, spaceId)))
    return isSeen && (isOwn || !onlyOwnKeys(its.role)) ? [] : [stage.labels.ofId(id)]
  })
}

/** A person with one workspace is in it when they name none, whatever others enter elsewhere. */
async function wrongWorkspace(
  { world, credentials, tenants, address }: Stage,
  snapshots: readonly Snapshot[],
  label: string,
): Promise<Violation[]> {
  const credential = credentials.get(label)
  const index = Number(/^p(\d)@/.exec(label)?.[1] ?? Number.NaN)
  if (credential?.kind !== 'PERSON') return []
  const own = tenants.filter(
    (tenant) => snapshots[tenant.index]?.held.get(personLabel(index, tenant.index))?.hasSignedIn,
  )
  const [only, another] = own
  if (only === undefined || another !== undefined) return []
  const { data } = await world.gql(
    credential.secret,
    '{ viewer { workspace { id } } }',
    {},
    { address },
  )
  const id = data.viewer?.workspace?.id
  return breach('is in another workspace', label, id === only.id ? [] : [String(id)])
}
