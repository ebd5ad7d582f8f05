import { changePlan } from '../../../src/modules/workspace/plan.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { mint, rotate } from '../access-token/ask.ts'
import { directly } from '../api-key/ask.ts'

/** Where something happens to a credential. */
export interface Scene {
  readonly world: World
  readonly workspace: TestWorkspace
  readonly spaceId: string
}

/** A credential that is good for agents:read in the scene's space, and what happens then. */
export type Turn = (scene: Scene) => Promise<{ secret: string; happens: () => Promise<unknown> }>

const change = ({ world, workspace }: Scene, mutation: string, input: object) =>
  done(world, workspace.secret, mutation, 'errors { code }', { ...input })

const makeKey = ({ world, workspace, spaceId }: Scene, input: object = {}) =>
  seed(world, workspace.secret).key({
    name: 'key',
    permissions: ['agents:read'],
    spaces: [{ spaceId }],
    ...input,
  })

const byKey =
  (mutation: string, more: object = {}): Turn =>
  async (scene) => {
    const { id, secret } = await makeKey(scene)
    return { secret, happens: () => change(scene, mutation, { id, ...more }) }
  }

const byTokensKey =
  (mutation: string, more: object = {}): Turn =>
  async (scene) => {
    const { id, secret } = await makeKey(scene)
    const { token } = await mint(scene.world, secret)
    return { secret: token, happens: () => change(scene, mutation, { id, ...more }) }
  }

const byToken =
  (end: (world: World, token: string) => Promise<unknown>): Turn =>
  async (scene) => {
    const { token } = await mint(scene.world, (await makeKey(scene)).secret)
    return { secret: token, happens: () => end(scene.world, token) }
  }

/** By what happens to the membership of a key's owner. */
const byOwner =
  (role: string, mutation: string, input: (scene: Scene, memberId: string) => object): Turn =>
  async (scene) => {
    const { world, workspace, spaceId } = scene
    const human = await addHuman(world, workspace, role)
    const { memberId } = human
    if (role === 'MEMBER') await change(scene, 'addSpaceMember', { spaceId, memberId })
    const terms = { permissions: ['agents:read'], allSpaces: true }
    const { secret } = await humanKey(world, workspace, human, terms)
    return { secret, happens: () => change(scene, mutation, input(scene, memberId)) }
  }

const scopeNarrowed: Turn = async (scene) => {
  const { scope } = seed(scene.world, scene.workspace.secret)
  const id = await scope({ name: 'scope', permissions: ['agents:read'] })
  const { secret } = await makeKey(scene, { permissions: [], scopeIds: [id] })
  return { secret, happens: () => change(scene, 'updateScope', { id, permissions: [] }) }
}

const spaceDeleted =
  (input: object): Turn =>
  async (scene) => {
    const { secret } = await makeKey(scene, input)
    return { secret, happens: () => change(scene, 'deleteSpace', { id: scene.spaceId }) }
  }

const lifetimeShortened: Turn = async (scene) => {
  const { id, secret } = await makeKey(scene)
  const createdAt = new Date(Date.now() - 2 * 86_400_000)
  await directly(scene.world, scene.workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id }, data: { createdAt } }),
  )
  return { secret, happens: () => change(scene, 'updateWorkspace', { maxKeyLifetimeDays: 1 }) }
}

const planChanged: Turn = async (scene) => {
  const { secret } = await makeKey(scene)
  const plan = (enterpriseRequestsPerMinute: number) =>
    changePlan(scene.world.deps, scene.workspace.slug, {
      plan: 'ENTERPRISE',
      enterpriseRequestsPerMinute,
      enterpriseKeyLimit: null,
    })
  await plan(100)
  return { secret, happens: () => plan(1) }
}

/** What happens, and the verdict after it. */
export const turns: Readonly<Record<string, readonly [verdict: string, turn: Turn]>> = {
  'the key is revoked': ['REVOKED', byKey('revokeApiKey')],
  'the key is disabled': ['DISABLED', byKey('disableApiKey')],
  'the key is rotated': ['ROTATED', byKey('rotateApiKey', { overlapSeconds: 0 })],
  'the key is rotated with an overlap': ['VALID', byKey('rotateApiKey')],
  'the key is narrowed': ['INSUFFICIENT_PERMISSIONS', byKey('updateApiKey', { permissions: [] })],
  'the key loses the space': ['SPACE_NOT_ALLOWED', byKey('updateApiKey', { spaces: [] })],
  'the key is bound': ['IP_NOT_ALLOWED', byKey('updateApiKey', { allowedIps: ['10.0.0.0/8'] })],
  'the key is blocked': ['RATE_LIMITED', byKey('updateApiKey', { requestsPerMinute: 0 })],
  'its scope is narrowed': ['INSUFFICIENT_PERMISSIONS', scopeNarrowed],
  'the space is deleted': ['SPACE_NOT_ALLOWED', spaceDeleted({})],
  'one of all its spaces is deleted': [
    'SPACE_NOT_ALLOWED',
    spaceDeleted({ spaces: undefined, allSpaces: true }),
  ],
  'its owner is demoted': [
    'SPACE_NOT_ALLOWED',
    byOwner('ADMIN', 'updateMember', (_, id) => ({ id, role: 'MEMBER' })),
  ],
  'its owner leaves the space': [
    'SPACE_NOT_ALLOWED',
    byOwner('MEMBER', 'removeSpaceMember', ({ spaceId }, memberId) => ({ spaceId, memberId })),
  ],
  'its owner is removed': ['OWNER_REMOVED', byOwner('ADMIN', 'removeMember', (_, id) => ({ id }))],
  'the token is revoked': [
    'REVOKED',
    byToken((world, token) => done(world, token, 'revokeAccessToken', 'errors { code }', {})),
  ],
  'the token is replaced': ['ROTATED', byToken(rotate)],
  "the token's key is disabled": ['DISABLED', byTokensKey('disableApiKey')],
  "the token's key is revoked": ['REVOKED', byTokensKey('revokeApiKey')],
  "the token's key is narrowed": [
    'INSUFFICIENT_PERMISSIONS',
    byTokensKey('updateApiKey', { permissions: [] }),
  ],
  'keys may live less long': ['EXPIRED', lifetimeShortened],
  'the plan is another one': ['RATE_LIMITED', planChanged],
}
