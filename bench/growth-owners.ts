import { compare, compareSubjects, type Side, times } from './compare.ts'
import { type CreateWorkspace, insertKeys, type Workspace } from './fill.ts'
import type { Growth } from './growth.ts'
import { measureOnce } from './measure.ts'
import { operation } from './request.ts'
import type { Server } from './server.ts'
import { subjectOf } from './subject.ts'

const keyCounts = [500, 20_000] as const
/** Keys created, and revoked, in a round. */
const keysPerRound = 40
const goal = 'at most 1.2'

/** An owner of so many keys, alone in a workspace. */
type Owner = Pick<Workspace, 'ownerId' | 'ownerKey'> & { readonly name: string }

/** Owners of few and of many keys, each in a workspace of their own. */
export async function fillOwners(createWorkspace: CreateWorkspace): Promise<Owner[]> {
  const owners: Owner[] = []
  for (const count of keyCounts) {
    const workspace = await createWorkspace(`owner-of-${count}-keys`)
    await insertKeys(workspace, count, { permissions: ['agents:read'] })
    owners.push({ ...workspace, name: `owner of ${count.toLocaleString('en-US')} keys` })
  }
  return owners
}

const createApiKey = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { apiKey { id } errors { message } }
}`

const revokeApiKey = `mutation ($input: RevokeApiKeyInput!) {
  revokeApiKey(input: $input) { revokedCount errors { message } }
}`

const listApiKeys = `query ($ownerId: ID!) {
  apiKeys(first: 20, filter: { ownerId: $ownerId }) { nodes { id name status } }
}`

async function createKeys(server: Server, { ownerKey }: Owner) {
  const requests = Array.from({ length: keysPerRound }, () => {
    const input = { name: crypto.randomUUID(), permissions: ['agents:read'], allSpaces: true }
    return operation(ownerKey, createApiKey, { input })
  })
  const { round, bodies } = await measureOnce(server, requests)
  return { round, ids: bodies.map((body): string => JSON.parse(body).data.createApiKey.apiKey.id) }
}

async function revokeKeys(server: Server, { ownerKey }: Owner, ids: readonly string[]) {
  const requests = ids.map((id) => operation(ownerKey, revokeApiKey, { input: { id } }))
  return (await measureOnce(server, requests)).round
}

/** Creates and revokes the same keys, so that every round begins with as many live ones. */
async function createAndRevoke(server: Server, owner: Owner) {
  const { round, ids } = await createKeys(server, owner)
  return { create: round, revoke: await revokeKeys(server, owner, ids) }
}

/** Creating, listing and revoking keys by an owner of many keys beside one of few. */
export async function compareOwners(growth: Growth, owners: readonly Owner[]): Promise<void> {
  const { server, engine } = growth
  const compareChange = (change: 'create' | 'revoke', title: string): Promise<void> => {
    const sides = owners.map((owner): Side => {
      const round = async () => (await createAndRevoke(server, owner))[change]
      return { name: owner.name, warmUp: round, round }
    })
    const described = `${title}, ${keysPerRound} one after another, on ${engine}`
    return compare({ title: described, sides, ratio: times, goal }, growth)
  }
  await compareChange('create', 'A key created')
  const subjects = await Promise.all(
    owners.map(({ name, ownerKey, ownerId }) =>
      subjectOf(server, { name, requests: [operation(ownerKey, listApiKeys, { ownerId })] }),
    ),
  )
  const title = `The first 20 of an owner's keys, on ${engine}`
  await compareSubjects({ title, subjects, ratio: times, goal }, growth)
  await compareChange('revoke', 'A key revoked')
}
