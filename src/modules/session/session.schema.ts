import type { Prisma, Session as SessionRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { instantInput, textInput } from '../../schema/filter-input.ts'
import { modelList, nestedList } from '../../schema/pagination.ts'
import {
  type VisibleList,
  visibleLoader,
  visiblePage,
  visibleRows,
} from '../../schema/visible-rows.ts'
import { agentLoader } from '../agent/agent.schema.ts'
import { userField } from '../member/user.schema.ts'
import { runsOfSessions } from '../run/run.visibility.ts'
import {
  type SessionStatus,
  sessionFilter,
  sessionsByRole,
  sessionsHeld,
  visibleSessions,
} from './session.visibility.ts'

const SessionStatusType = builder.enumType('SessionStatus', {
  description: 'Whether a session goes on.',
  values: {
    ACTIVE: { description: 'It takes runs and documents.' },
    TERMINATED: { description: 'It is over, and stays to be read.' },
  } satisfies Record<SessionStatus, { description: string }>,
})

export const Session = builder.prismaObject('Session', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'A conversation with an agent, as the agent was when it began.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the session.' }),
    agent: t.prismaField({
      type: 'Agent',
      nullable: true,
      guard: 'agents:read',
      description: 'The agent; null once it is deleted.',
      select: { agentId: true },
      resolve: (query, { agentId }, _args, context, info) =>
        agentLoader(context, info, query).load(agentId),
    }),
    agentVersion: t.exposeInt('agentVersion', {
      description: 'The version of the agent that it began with, and keeps.',
    }),
    status: t.field({
      type: SessionStatusType,
      description: 'Whether it goes on.',
      select: { terminatedAt: true },
      resolve: ({ terminatedAt }) => (terminatedAt === null ? 'ACTIVE' : 'TERMINATED'),
    }),
    reference: t.exposeString('reference', {
      nullable: true,
      description: "The caller's own name for it; unique per agent among active sessions.",
    }),
    runs: t.field(nestedList('Run', 'sessions:read', 'The runs of the session.', runsOfSessions)),
    createdBy: t.field(userField('createdById', 'The user who owns the session.')),
    createdById: t.exposeID('createdById', { description: 'The id of the user whose it is.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    terminatedAt: t.expose('terminatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was terminated; null while it goes on.',
    }),
  }),
})

const sessionList = ({
  deps,
  caller,
}: Context): VisibleList<Prisma.SessionWhereInput, SessionRow> => ({
  all: sessionsByRole(caller),
  visible: () => visibleSessions(caller),
  check: (ids) => sessionsHeld(deps.prisma, caller, 'sessions:read', ids),
  find: (query) => deps.prisma.session.findMany(query as Prisma.SessionFindManyArgs),
})

/** The sessions of these ids, each null where the caller does not see it, as one field shows them. */
export const sessionLoader = visibleLoader(sessionList)

const SessionFilter = builder.inputType('SessionFilter', {
  description: 'Filters of a list of sessions; all that are given apply.',
  fields: (t) => ({
    agentId: t.id({
      guard: { permission: 'agents:read' },
      description: 'Sessions with this agent.',
    }),
    status: t.field({ type: SessionStatusType, description: 'Whether they go on.' }),
    reference: t.string({ description: 'Sessions with exactly this reference.' }),
    mine: t.boolean({ description: "true: only those of the caller's own user." }),
    createdAfter: t.field({
      type: 'DateTime',
      description: 'Sessions that began after this instant.',
    }),
    createdBefore: t.field({
      type: 'DateTime',
      description: 'Sessions that began before this instant.',
    }),
  }),
})

entity('ses', Session, {
  item: 'session',
  guard: 'sessions:read',
  description: 'One session.',
  noun: 'session',
  find: (context, ids, plan) => visibleRows(context, sessionList(context), ids, plan),
})

builder.queryField('sessions', (t) =>
  t.field({
    ...modelList(
      'Session',
      'sessions:read',
      'The sessions with agents within reach; to a MEMBER, their own.',
      SessionFilter,
    ),
    resolve: (_root, { filter, ...args }, context, info) => {
      const narrowed = sessionFilter(context.caller, {
        ...filter,
        reference: textInput('reference', filter?.reference),
        createdAfter: instantInput('createdAfter', filter?.createdAfter),
        createdBefore: instantInput('createdBefore', filter?.createdBefore),
      })
      return visiblePage(context, info, args, sessionList(context), narrowed)
    },
  }),
)
