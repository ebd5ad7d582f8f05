import { randomBytes } from 'node:crypto'
import { mint } from '../modules/access-token/ask.ts'
import { done, seed } from '../setup/seed.ts'
import type { TestWorkspace, World } from '../setup/world.ts'
import type { OwnIds } from './id-places.ts'
import { insertDelivery } from './insert-delivery.ts'
import { insertDocument, insertRun, insertSession } from './insert-session.ts'

/** A workspace with one of each, and a second space with one of each that a key for the first lacks. */
export interface Furnished extends TestWorkspace {
  readonly own: OwnIds
  readonly hidden: Partial<OwnIds>
  /** Of an agent that is in the first space now: what began while it was in the second one. */
  readonly begunHidden: Partial<OwnIds>
  readonly limited: string
  readonly limitedToken: string
}

/** Furnishes a new workspace, always with the same names: what is unique is so within a workspace. */
export async function furnish(world: World): Promise<Furnished> {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const [space, other] = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  const spaceIds = [space, other]
  const machine = await make.machine({ name: 'machine', role: 'BUILDER', spaceIds })
  const scope = await make.scope({ name: 'scope', permissions: ['agents:read'] })
  const keyIn = async (name: string, spaceId: string): Promise<string> => {
    const input = { name, permissions: ['agents:read'], scopeIds: [scope], spaces: [{ spaceId }] }
    return (await make.key({ ...input, ownerId: machine.userId })).id
  }
  const legacyIn = async (spaceId: string): Promise<string> => {
    const value = randomBytes(24).toString('hex')
    const key = { name: 'legacy', value, encoding: 'PLAINTEXT', ownerId: machine.userId }
    const selection = 'results { apiKey { id } }'
    const { results } = await done(world, workspace.secret, 'importLegacyKeys', selection, {
      keys: [{ ...key, spaceIds: [spaceId] }],
    })
    return results[0].apiKey.id
  }
  const tokenIn = async (spaceId: string): Promise<string> => {
    const minting = await make.key({ name: `m ${spaceId}`, spaces: [{ spaceId }] })
    const token = await done(world, minting.secret, 'createAccessToken', 'accessToken { id }', {})
    return token.accessToken.id
  }
  const agent = await make.agent({ name: 'agent', spaceIds: [space] })
  const both = await make.agent({ name: 'both', spaceIds })
  const moved = await make.agent({ name: 'moved', spaceIds: [other] })
  const begunHidden = await insertSession(world, workspace, moved)
  await done(world, workspace.secret, 'updateAgent', 'agent { id }', {
    id: moved,
    spaceIds: [space],
  })
  const session = await insertSession(world, workspace, agent)
  const url = 'https://hooks.example.com/'
  const { endpoint } = await done(
    world,
    workspace.secret,
    'createWebhookEndpoint',
    'endpoint { id }',
    { url },
  )
  const hiddenSession = await insertSession(world, workspace, both)
  const limited = await make.key({ name: 'l', permissions: ['*'], spaces: [{ spaceId: space }] })
  return {
    ...workspace,
    limited: limited.secret,
    limitedToken: (await mint(world, workspace.secret, { spaceIds: [space] })).token,
    own: {
      space,
      agent,
      session,
      run: await insertRun(world, workspace, session),
      document: await insertDocument(world, workspace, session),
      key: await keyIn('key', space),
      token: await tokenIn(space),
      scope,
      member: machine.id,
      user: machine.userId,
      legacy: await legacyIn(space),
      endpoint: endpoint.id,
      delivery: await insertDelivery(world, workspace, endpoint.id),
    },
    hidden: {
      space: other,
      agent: both,
      session: hiddenSession,
      run: await insertRun(world, workspace, hiddenSession),
      document: await insertDocument(world, workspace, hiddenSession),
      key: await keyIn('hidden', other),
      token: await tokenIn(other),
    },
    begunHidden: {
      session: begunHidden,
      run: await insertRun(world, workspace, begunHidden),
      document: await insertDocument(world, workspace, begunHidden),
    },
  }
}
