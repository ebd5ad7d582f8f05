import { numberedPageRequest, toPage } from '../../db/page.ts'
import type { AuditEvent as EventRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { nodeType } from '../../schema/node.ts'
import { modelList } from '../../schema/pagination.ts'
import { textWithinBudget } from '../../schema/text-within-budget.ts'
import { planOf, planOfNodes } from '../../schema/visible-rows.ts'
import { userField } from '../member/user.schema.ts'
import { CallerKindType } from '../viewer/viewer.schema.ts'
import { pageOfEvents, visibleEvents } from './audit.visibility.ts'
import { AuditEventFilterInput, filterInput } from './audit-filter.schema.ts'
import { type ChainCheck, checkChain } from './check-chain.ts'
import { changesOf, type StoredChange } from './stored-changes.ts'

/** The most fields that the change of one object names. */
export const maxChanges = 32

/** A check reads the whole log: it costs as many requests. */
const checkCost = 100

/** What orders the list. */
const place = { id: true, sequence: true } as const

const maxInt = 2 ** 31 - 1

/** A number of an event, as far as GraphQL's integers reach. */
const intOf = (sequence: bigint): number =>
  Number(sequence > maxInt ? maxInt : sequence < -maxInt ? -maxInt : sequence)

const AuditChange = builder.objectRef<StoredChange>('AuditChange').implement({
  description: 'A field that changed, each value as JSON text; never a secret.',
  leafFields: 'public',
  fields: (t) => ({
    field: t.exposeString('field', { description: 'The name of the field.' }),
    before: t.exposeString('before', { nullable: true, description: 'The value before.' }),
    after: t.exposeString('after', { nullable: true, description: 'The value after.' }),
  }),
})

export const AuditEvent = builder.prismaObject('AuditEvent', {
  select: { id: true, workspaceId: true, sequence: true },
  description: 'What was done, written with the change itself. No API changes or deletes it.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the event.' }),
    sequence: t.string({
      description: "Its place in the workspace's chain, from 1 without gaps, as a decimal number.",
      resolve: ({ sequence }) => String(sequence),
    }),
    action: t.exposeString('action', { description: 'What was done, e.g. api_key.rotated.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was done.' }),
    actorKind: t.expose('actorKind', {
      type: CallerKindType,
      nullable: true,
      description: 'The kind of credential; null for the operator of the server.',
    }),
    actorName: t.exposeString('actorName', { description: 'Who did it, as they were named then.' }),
    actor: t.field(userField('actorId', 'Who did it; null for who is not known here any more.')),
    apiKeyId: t.exposeID('apiKeyId', { nullable: true, description: 'The key that was used.' }),
    accessTokenId: t.exposeID('accessTokenId', {
      nullable: true,
      description: 'The token that was used.',
    }),
    targetId: t.exposeID('targetId', { nullable: true, description: 'What it was done to.' }),
    targetName: t.exposeString('targetName', {
      nullable: true,
      description: 'What it was done to, as it was named then.',
    }),
    ip: t.exposeString('ip', { nullable: true, description: 'The address it was done from.' }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'The request, as in X-Request-Id and the log.',
    }),
    changes: t.field({
      type: [AuditChange],
      guard: 'public',
      listSize: maxChanges,
      description: 'What changed.',
      resolve: async ({ id }, _args, context) =>
        changesOf((await textWithinBudget(context, 'AuditEvent.changes', id)) ?? '[]'),
    }),
    hash: t.exposeString('hash', { description: 'HMAC-SHA-256 over the event and previousHash.' }),
    previousHash: t.exposeString('previousHash', {
      nullable: true,
      description: 'The hash of the event before; null for the first.',
    }),
  }),
})

nodeType('evt', AuditEvent, {
  item: 'auditEvents',
  find: (context, ids, info) => {
    const where = { AND: [visibleEvents(context.caller), { id: { in: ids } }] }
    return context.deps.prisma.auditEvent.findMany({
      ...planOf(context, info, 'AuditEvent'),
      where,
    })
  },
})

const AuditIntegrity = builder.objectRef<ChainCheck>('AuditIntegrity').implement({
  description: 'Whether the audit log is as it was written.',
  leafFields: 'public',
  fields: (t) => ({
    intact: t.boolean({
      description: 'Whether no event was changed, removed, swapped or cut off.',
      resolve: ({ broken }) => broken === undefined,
    }),
    checkedEvents: t.exposeInt('checkedEvents', {
      description: 'How many events were read, up to the first broken place.',
    }),
    firstBrokenEventId: t.id({
      nullable: true,
      description: 'The event at the first broken place; null where it is missing.',
      resolve: ({ broken }) => broken?.id ?? null,
    }),
    firstBrokenSequence: t.int({
      nullable: true,
      description: 'The first broken place.',
      resolve: ({ broken }) => broken && intOf(broken.sequence),
    }),
    headSequence: t.int({
      description: 'The number of the last event, as the workspace has it.',
      resolve: ({ headSequence }) => intOf(headSequence),
    }),
    headHash: t.exposeString('headHash', {
      nullable: true,
      description: 'The hash of the last event, as the workspace has it; null without events.',
    }),
  }),
})

builder.queryFields((t) => ({
  auditEvents: t.field({
    ...modelList('AuditEvent', 'audit:read', 'The audit log.', AuditEventFilterInput),
    guard: { permissions: ['audit:read'], allSpaces: true },
    resolve: async (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const page = numberedPageRequest(args)
      const its = pageOfEvents(caller, page, filterInput(filter ?? {}))
      const places = await deps.prisma.$queryRaw<Pick<EventRow, 'sequence'>[]>(its)
      const numbers = places.map(({ sequence }) => sequence)
      const rows = await deps.prisma.auditEvent.findMany({
        ...planOfNodes<typeof place>(context, info, place),
        where: { AND: [visibleEvents(caller), { sequence: { in: numbers } }] },
        orderBy: { sequence: 'desc' },
      })
      return toPage(rows, page)
    },
  }),
  auditIntegrity: t.field({
    type: AuditIntegrity,
    nullable: true,
    guard: { permissions: ['audit:read'], allSpaces: true },
    extensions: { cost: () => checkCost },
    description: `Recomputes the hash chain of the audit log. Costs ${checkCost}.`,
    resolve: (_root, _args, { deps, caller }) => checkChain(deps, caller.workspaceId),
  }),
}))
