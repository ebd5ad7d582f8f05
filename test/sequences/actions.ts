import type { PermissionName } from '../../src/auth/permissions.ts'
import { onlyOwnKeys } from '../../src/auth/roles.ts'
import {
  type Choice,
  emailOf,
  type Input,
  isSomething,
  key,
  legacyKey,
  limits,
  owner,
  type Places,
  permissions,
  places,
  scopeIds,
  spaceIds,
  thing,
} from './inputs.ts'
import type { Held } from './probe.ts'

/** How a mutation is chosen: how often, by whom mostly, and with what input. */
interface Action {
  readonly weight: number
  readonly permission: PermissionName | null
  /** The one kind of caller that may. */
  readonly by?: Held['kind']
  input(choice: Choice): Input
}

const roles = ['OWNER', 'ADMIN', 'BUILDER', 'MEMBER', 'MEMBER']
const overlaps = [0, 0, 60, 3_600, 604_800]

/** For a key: the caller's own user, unless somebody else is named. */
const ownerPart = (choice: Choice): Input =>
  choice.random.chance(onlyOwnKeys(choice.caller.role) ? 0.1 : 0.5)
    ? { ownerId: owner(choice) }
    : {}

/** Permissions, and where. */
function rights(choice: Choice): Input & Places {
  const declared = permissions(choice)
  return { permissions: declared, ...places(choice, declared) }
}

const named = ({ n }: Choice): Input => ({ name: `Step ${n}` })

/** A key as it is to become: one or two settings, or all of them at once, narrow or wide. */
function change(choice: Choice): Input {
  const { random } = choice
  const kind = random.below(12)
  if (kind === 0)
    return {
      permissions: ['*'],
      allSpaces: true,
      expiresAt: null,
      allowedIps: null,
      requestsPerMinute: null,
    }
  if (kind === 1) return { permissions: permissions(choice), scopeIds: [] }
  if (kind === 2) return { scopeIds: [thing(choice, 'scope')].filter(isSomething) }
  if (kind === 3) return { spaces: [] }
  if (kind === 4) return random.pick([{ expiresAt: null }, { allowedIps: null }]) ?? {}
  if (kind === 5) return limits(choice)
  if (kind === 6) return rights(choice)
  if (kind === 7) return { permissions: ['keys:transfer', 'keys:read'] }
  if (kind === 8) return { permissions: permissions(choice), scopeIds: scopeIds(choice) }
  return random.chance(0.5) ? { permissions: permissions(choice) } : places(choice, [])
}

/** Of a key's own as often as of another one. */
const rotation = (choice: Choice): Input => {
  const { random, caller, stage } = choice
  const own = random.chance(0.35) ? caller.key?.id : undefined
  const id = own === undefined ? key(choice) : `#${stage.labels.ofId(own)}`
  return {
    id,
    overlapSeconds: random.pick(overlaps),
    ...(random.chance(0.3) && { retirePreviousOnFirstUse: true }),
    ...(random.chance(0.85) && { expectedRotatedAt: `?${id.slice(1)}` }),
  }
}

/** Every mutation that makes or changes credentials or rights. */
export const actions: Readonly<Record<string, Action>> = {
  createApiKey: {
    weight: 14,
    permission: 'keys:create',
    input: (choice) => ({
      ...named(choice),
      ...ownerPart(choice),
      ...rights(choice),
      scopeIds: scopeIds(choice),
      ...limits(choice),
    }),
  },
  updateApiKey: {
    weight: 14,
    permission: 'keys:update',
    input: (choice) => ({ id: key(choice), ...change(choice) }),
  },
  rotateApiKey: { weight: 12, permission: 'keys:update', input: rotation },
  transferApiKey: {
    weight: 4,
    permission: 'keys:update',
    input: (choice) => ({
      id: key(choice),
      ownerId: owner(choice),
    }),
  },
  disableApiKey: { weight: 2, permission: 'keys:update', input: (choice) => ({ id: key(choice) }) },
  enableApiKey: { weight: 4, permission: 'keys:update', input: (choice) => ({ id: key(choice) }) },
  revokeApiKey: {
    weight: 3,
    permission: 'keys:delete',
    input: (choice) => ({ id: key(choice), includeCreated: choice.random.chance(0.7) }),
  },
  createAccessToken: {
    weight: 7,
    permission: null,
    by: 'SECRET',
    input: (choice) => ({
      ...(choice.random.chance(0.4) && { permissions: permissions(choice) }),
      ...(choice.random.chance(0.4) && { spaceIds: spaceIds(choice) }),
      expiresInSeconds: choice.random.pick([60, 900, 3_600]),
    }),
  },
  rotateAccessToken: { weight: 2, permission: null, by: 'TOKEN', input: () => ({}) },
  revokeAccessToken: { weight: 1, permission: null, by: 'TOKEN', input: () => ({}) },
  revokeAccessTokens: {
    weight: 1,
    permission: 'tokens:delete',
    input: (choice) => ({ apiKeyId: key(choice) }),
  },
  createScope: {
    weight: 4,
    permission: 'scopes:create',
    input: (choice) => ({ ...named(choice), permissions: permissions(choice) }),
  },
  updateScope: {
    weight: 5,
    permission: 'scopes:update',
    input: (choice) => ({ id: thing(choice, 'scope'), permissions: permissions(choice) }),
  },
  deleteScope: {
    weight: 1,
    permission: 'scopes:delete',
    input: (choice) => ({ id: thing(choice, 'scope') }),
  },
  addMember: {
    weight: 3,
    permission: 'members:create',
    input: (choice) => ({ email: emailOf(choice), role: choice.random.pick(roles) }),
  },
  updateMember: {
    weight: 6,
    permission: 'members:update',
    input: (choice) => ({ id: thing(choice, 'member'), role: choice.random.pick(roles) }),
  },
  removeMember: {
    weight: 1,
    permission: 'members:delete',
    input: (choice) => ({
      id: thing(choice, 'member'),
      revokeCreated: choice.random.chance(0.6),
    }),
  },
  createMachineUser: {
    weight: 3,
    permission: 'members:create',
    input: (choice) => ({
      ...named(choice),
      role: choice.random.pick(roles),
      ...(choice.random.chance(0.5) && { spaceIds: spaceIds(choice) }),
    }),
  },
  createSpace: {
    weight: 1,
    permission: 'spaces:create',
    input: (choice) => ({
      ...named(choice),
      visibility: choice.random.pick(['OPEN', 'RESTRICTED']),
    }),
  },
  updateSpace: {
    weight: 2,
    permission: 'spaces:update',
    input: (choice) => ({
      id: thing(choice, 'space'),
      visibility: choice.random.pick(['OPEN', 'RESTRICTED']),
    }),
  },
  deleteSpace: {
    weight: 0.5,
    permission: 'spaces:delete',
    input: (choice) => ({ id: thing(choice, 'space') }),
  },
  addSpaceMember: {
    weight: 3,
    permission: 'spaces:update',
    input: (choice) => ({ spaceId: thing(choice, 'space'), memberId: thing(choice, 'member') }),
  },
  removeSpaceMember: {
    weight: 2,
    permission: 'spaces:update',
    input: (choice) => ({ spaceId: thing(choice, 'space'), memberId: thing(choice, 'member') }),
  },
  createAgent: {
    weight: 2,
    permission: 'agents:create',
    input: (choice) => ({ ...named(choice), spaceIds: spaceIds(choice) }),
  },
  updateAgent: {
    weight: 4,
    permission: 'agents:update',
    input: (choice) => ({ id: thing(choice, 'agent'), spaceIds: spaceIds(choice) }),
  },
  deleteAgent: {
    weight: 0.5,
    permission: 'agents:delete',
    input: (choice) => ({ id: thing(choice, 'agent') }),
  },
  createSession: {
    weight: 3,
    permission: 'sessions:create',
    input: (choice) => ({ agentId: thing(choice, 'agent') }),
  },
  updateWorkspace: {
    weight: 2,
    permission: 'workspace:update',
    input: ({ random }) =>
      random.chance(0.5)
        ? { maxKeyLifetimeDays: random.pick([null, 1, 2, 400]) }
        : { legacyKeySunsetAt: random.pick(['+60', '+90000', '+9000000']) },
  },
  importLegacyKeys: {
    weight: 2,
    permission: 'keys:create',
    input: (choice) => {
      const { permissions: declared, allSpaces, spaces } = rights(choice)
      const value = `$${choice.random.chance(0.9) ? choice.n : choice.random.below(choice.n)}`
      return {
        keys: [
          {
            ...named(choice),
            value,
            encoding: 'PLAINTEXT',
            ownerId: owner(choice),
            permissions: declared,
            ...(allSpaces && { allSpaces }),
            ...(spaces && { spaceIds: spaces.map(({ spaceId }) => spaceId) }),
          },
        ],
      }
    },
  },
  migrateLegacyKey: {
    weight: 3,
    permission: 'keys:update',
    input: (choice) => ({
      id: legacyKey(choice),
      overlapSeconds: choice.random.pick(overlaps),
      ...(choice.random.chance(0.5) && rights(choice)),
    }),
  },
}
