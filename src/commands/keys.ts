import { type ApiKey, ApiKeyStatus } from '../generated/prisma/client.ts'
import { maxLimit } from '../limits/plans.ts'
import { maxOverlapSeconds } from '../modules/api-key/api-key.input.ts'
import { createApiKey, type KeyWithSecret } from '../modules/api-key/create.ts'
import { type KeyOfList, listKeys } from '../modules/api-key/list.ts'
import { revokeApiKey } from '../modules/api-key/revoke.ts'
import { rotateApiKey } from '../modules/api-key/rotate.ts'
import { columns, shownInstant } from './columns.ts'
import { type CommandResult, defineCommand } from './define.ts'
import { keysTrim } from './keys-trim.ts'
import { operatorIn, workspaceOption } from './operator-context.ts'
import { flag, instant, list, oneOf, several, valued, wholeNumber } from './option-values.ts'

/** What is stored of a key, as the API shows it. */
const storedJson = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  description: key.description,
  externalId: key.externalId,
  owner: { id: key.ownerId },
  start: key.start,
  last4: key.last4,
  legacy: key.legacy,
  permissions: key.permissions,
  allSpaces: key.allSpaces,
  createdAt: key.createdAt,
  expiresAt: key.expiresAt,
  rotatedAt: key.rotatedAt,
  revokedAt: key.revokedAt,
})

/** The same with what it is at the moment. */
const listedJson = ({ owner, state, ...key }: KeyOfList) => ({
  ...storedJson(key),
  owner: { id: key.ownerId, name: owner.name },
  status: state?.status,
  effectiveExpiresAt: state?.effectiveExpiresAt,
  previousSecretExpiresAt: state?.previousSecretExpiresAt,
  lastUsedAt: state?.lastUsedAt,
})

const headings = ['ID', 'NAME', 'OWNER', 'STATUS', 'SECRET', 'CREATED', 'EXPIRES', 'LAST USED']

const rowOf = ({ owner, state, ...key }: KeyOfList): string[] => [
  key.id,
  key.name,
  owner.name,
  state?.status ?? '',
  `${key.start}…${key.last4}`,
  shownInstant(key.createdAt),
  shownInstant(state?.effectiveExpiresAt),
  shownInstant(state?.lastUsedAt),
]

/** A key with its new secret, which is printed here and nowhere else: nothing may fail before. */
const withSecret = ({ apiKey, secret }: KeyWithSecret, done: string): CommandResult => ({
  text: `The key ${apiKey.id} is ${done}. Its secret, shown this once:\n${secret}`,
  json: { apiKey: storedJson(apiKey), secret },
  target: apiKey.id,
})

const keysList = defineCommand({
  words: 'keys list',
  options: {
    ...workspaceOption,
    'owner-id': valued('ID', 'keys of this user'),
    status: valued('STATUS', 'keys that are ACTIVE, DISABLED, EXPIRED or REVOKED'),
    'expires-before': valued('INSTANT', 'keys that end before'),
    'last-used-before': valued('INSTANT', 'keys not used since, those never used included'),
  },
  description: 'list the keys of a workspace, newest first',
  example: 'keys list --status ACTIVE --expires-before 2027-01-31T00:00:00Z',
  read(_given, { workspace, 'owner-id': ownerId, status, ...options }) {
    const filter = {
      ownerId,
      status:
        status === undefined ? status : oneOf('--status', Object.values(ApiKeyStatus), status),
      expiresBefore: instant('--expires-before', options['expires-before']),
      lastUsedBefore: instant('--last-used-before', options['last-used-before']),
    }
    return async (deps) => {
      const { workspaceId } = await operatorIn(deps, workspace)
      const keys = await listKeys(deps, workspaceId, filter)
      return { text: columns([headings, ...keys.map(rowOf)]), json: keys.map(listedJson) }
    }
  },
})

const keysCreate = defineCommand({
  words: 'keys create',
  parameters: ['owner id', 'name'],
  options: {
    ...workspaceOption,
    description: valued('TEXT', 'a description of the key'),
    permissions: several(
      'NAMES',
      'permissions and aliases, with commas between them; none by default',
    ),
    'scope-ids': several('IDS', 'scopes to link to, with commas between them'),
    'all-spaces': flag('every space that the owner reaches, now and later'),
    spaces: several('IDS', 'these spaces, with commas between them; none by default'),
    'expires-at': valued('INSTANT', 'when it ends; never by default'),
    'allowed-ips': several(
      'BLOCKS',
      'addresses and CIDR blocks, with commas between them; any by default',
    ),
    'requests-per-minute': valued('N', "its own limit, below the plan's"),
  },
  description: 'make a key for a user and print its secret; members list has the ids of users',
  example: 'keys create usr_… CI --permissions agents:read,agents:run --all-spaces',
  read({ 'owner id': ownerId, name }, { workspace, description, ...options }) {
    const input = {
      ownerId,
      name,
      description,
      permissions: list(options.permissions),
      scopeIds: list(options['scope-ids']),
      allSpaces: options['all-spaces'],
      spaces: list(options.spaces)?.map((spaceId) => ({ spaceId })),
      expiresAt: options['expires-at'],
      allowedIps: list(options['allowed-ips']),
      requestsPerMinute: wholeNumber(
        '--requests-per-minute',
        maxLimit,
        options['requests-per-minute'],
      ),
    }
    return async (deps) => {
      const context = await operatorIn(deps, workspace)
      return withSecret(await createApiKey(context, input), 'created')
    }
  },
})

const keysRotate = defineCommand({
  words: 'keys rotate',
  parameters: ['key id'],
  options: {
    ...workspaceOption,
    'overlap-seconds': valued('N', 'how long the old secret still works; an hour by default'),
    'retire-previous-on-first-use': flag('end the old secret once the new one is used'),
    'expected-rotated-at': valued('INSTANT', 'only if its last rotation was then'),
  },
  description: 'give a key a new secret and print it; the old one works on for a while',
  example: 'keys rotate key_… --overlap-seconds 600',
  read({ 'key id': id }, { workspace, ...options }) {
    const input = {
      id,
      overlapSeconds: wholeNumber(
        '--overlap-seconds',
        maxOverlapSeconds,
        options['overlap-seconds'],
      ),
      retirePreviousOnFirstUse: options['retire-previous-on-first-use'],
      expectedRotatedAt: options['expected-rotated-at'],
    }
    return async (deps) => {
      const context = await operatorIn(deps, workspace)
      return withSecret(await rotateApiKey(context, input), 'rotated')
    }
  },
})

const keysRevoke = defineCommand({
  words: 'keys revoke',
  parameters: ['key id'],
  options: {
    ...workspaceOption,
    reason: valued('TEXT', 'why, for its owner and the audit'),
    'include-created': flag(
      'also every key that it made or was given the present secret of, and theirs',
    ),
  },
  description: 'end a key and its tokens for good',
  example: 'keys revoke key_… --reason "found in a log"',
  read:
    ({ 'key id': id }, { workspace, reason, 'include-created': includeCreated }) =>
    async (deps) => {
      const context = await operatorIn(deps, workspace)
      const input = { id, reason, includeCreated }
      const { apiKey, revokedCount } = await revokeApiKey(context, input)
      return {
        text:
          revokedCount === 0
            ? `Nothing was changed: the key ${id} was revoked before.`
            : `${revokedCount === 1 ? 'One key was' : `${revokedCount} keys were`} revoked.`,
        json: { apiKey: storedJson(apiKey), revokedCount },
      }
    },
})

export const keyCommands = [keysList, keysCreate, keysRotate, keysRevoke, keysTrim]
