import { keyCallerOf } from '../../auth/credential-state.ts'
import { hashSecret } from '../../auth/credentials/hash.ts'
import { findKeyByHash } from '../../auth/key-record.ts'
import type { Deps } from '../../deps.ts'
import { RequestError, userError } from '../../errors.ts'
import type { ServiceContext } from '../../service-context.ts'
import { createAgent } from '../agent/agent.service.ts'
import { createApiKey } from '../api-key/create.ts'
import { createMachineUser } from '../member/machine-user.service.ts'
import { createScope } from '../scope/scope.service.ts'
import { createSpace } from '../space/space.service.ts'
import { createFirstWorkspace } from './bootstrap.ts'

const slug = 'example'

/** What the key of a new workspace may do, as a service is told it. */
async function contextOf(deps: Deps, secret: string): Promise<ServiceContext> {
  const hash = hashSecret(secret)
  const key = await findKeyByHash(deps.prisma, hash)
  if (key === undefined) throw new RequestError('INTERNAL_SERVER_ERROR', 'The key is gone.')
  return { deps, caller: keyCallerOf(key, hash), requestId: 'demo', address: undefined }
}

/** The example workspace, with the secrets of its two keys. */
export interface ExampleWorkspace {
  readonly slug: string
  /** Of a key for everything. */
  readonly owner: string
  /** Of a machine user's key for two of the spaces. */
  readonly integration: string
}

/**
 * Makes a workspace worth exploring, with the services that the API itself uses: three restricted
 * spaces, agents shared across them, a machine user, a scope and a key for two of the spaces.
 *
 * @throws UserInputError when it is there already
 */
export async function fillExampleWorkspace(deps: Deps): Promise<ExampleWorkspace> {
  if (await deps.prisma.workspaceSlug.findUnique({ where: { slug } }))
    throw userError(
      'WRONG_STATE',
      null,
      `There is a workspace ${JSON.stringify(slug)} already, or one had this slug.`,
    )
  const { secret: ownerSecret } = await createFirstWorkspace(deps, {
    name: 'Example',
    slug,
    plan: 'ENTERPRISE',
    owner: { name: 'Ada Owner', email: 'ada@example.com' },
  })
  const owner = await contextOf(deps, ownerSecret)
  const support = await createSpace(owner, { name: 'Support', description: 'Tickets and answers' })
  const sales = await createSpace(owner, { name: 'Sales', description: 'Offers and orders' })
  const finance = await createSpace(owner, { name: 'Finance', description: 'Bills and books' })
  const agents: [string, string, string[]][] = [
    ['Triage', 'Sort what comes in by urgency.', [support.id]],
    ['Quote', 'Write an offer from a price list.', [sales.id]],
    ['Refunds', 'Decide on refunds below 100.', [support.id, finance.id]],
    ['Handover', 'Sum a case up for another team.', [support.id, sales.id]],
    ['Quarter', 'Report the quarter.', [support.id, sales.id, finance.id]],
  ]
  for (const [name, instructions, spaceIds] of agents)
    await createAgent(owner, { name, instructions, spaceIds })
  const machine = await createMachineUser(owner, {
    name: 'Helpdesk integration',
    role: 'BUILDER',
    spaceIds: [support.id, sales.id],
  })
  const scope = await createScope(owner, {
    name: 'Run agents',
    permissions: ['spaces:read', 'agents:run'],
    agentAccess: 'VIEW',
  })
  const { secret: integrationSecret } = await createApiKey(owner, {
    name: 'Helpdesk',
    ownerId: machine.userId,
    scopeIds: [scope.id],
    permissions: ['agents:update'],
    spaces: [
      { spaceId: support.id },
      { spaceId: sales.id, permissions: ['spaces:read', 'agents:read'] },
    ],
  })
  return { slug, owner: ownerSecret, integration: integrationSecret }
}
