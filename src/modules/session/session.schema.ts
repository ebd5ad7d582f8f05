import { builder } from '../../builder.ts'
import { findByIds, findOne, findPage, pageRequest } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { pageArgs } from '../../graphql/connection.ts'
import { instantInput, textInput } from '../../graphql/filter-input.ts'
import { nestedPage } from '../../graphql/nested-page.ts'
import { nodeType } from '../../graphql/node.ts'
import { agentLoader } from '../agent/agent.schema.ts'
import { User, userLoader } from '../member/user.schema.ts'
import { RunConnection, Session, SessionConnection } from '../refs.ts'
import { runsOfSessions } from '../run/run.queries.ts'
import { type SessionStatus, sessionFilter, sessions, visibleSessions } from './session.queries.ts'

const SessionStatusType = builder.enumType('SessionStatus', {
  description: 'Whether a session goes on.',
  values: {
    ACTIVE: { description: 'It takes runs and documents.' },
    TERMINATED: { description: 'It is over, and stays to be read.' },
  } satisfies Record<SessionStatus, { description: string }>,
})

Session.implement({
  description: 'A conversation with an agent, as the agent was when it began.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the session.' }),
    agent: t.prismaField({
      type: 'Agent',
      nullable: true,
      guard: 'agents:read',
      description: 'The agent; null once it is deleted.',
      resolve: (query, { agentId }, _args, context, info) =>
        agentLoader(context, info, query).load(agentId),
    }),
    agentVersion: t.exposeInt('agentVersion', {
      description: 'The version of the agent that it began with, and keeps.',
    }),
    status: t.field({
      type: SessionStatusType,
      description: 'Whether it goes on.',
      resolve: ({ terminatedAt }) => (terminatedAt === null ? 'ACTIVE' : 'TERMINATED'),
    }),
    reference: t.exposeString('reference', {
      nullable: true,
      description: "The caller's own name for it; unique per agent among active sessions.",
    }),
    runs: t.field({
      type: RunConnection,
      nullable: true,
      guard: 'sessions:read',
      description: 'What the agent was asked in it.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context) =>
        nestedPage(context, 'Session.runs', id, args, () => runsOfSessions(context.caller)),
    }),
    createdBy: t.field({
      type: User,
      nullable: true,
      guard: 'members:read',
      description: 'Whose it is.',
      resolve: ({ createdById }, _args, context) => userLoader(context).load(createdById),
    }),
    createdById: t.exposeID('createdById', { description: 'The id of the user whose it is.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    terminatedAt: t.expose('terminatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was terminated; null while it goes on.',
    }),
  }),
})

const SessionFilter = builder.inputType('SessionFilter', {
  description: 'What a list of sessions is narrowed by; all of what is given.',
  fields: (t) => ({
    agentId: t.id({ guard: { permission: 'agents:read' }, description: 'Those with this agent.' }),
    status: t.field({ type: SessionStatusType, description: 'Whether they go on.' }),
    reference: t.string({ description: 'Those of this reference, to the letter.' }),
    mine: t.boolean({ description: "true: only those of the caller's own user." }),
    createdAfter: t.field({ type: 'DateTime', description: 'Those that began after this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Those that began before this.' }),
  }),
})

nodeType('ses', Session, {
  item: 'session',
  find: ({ deps, caller }, ids) =>
    findByIds(deps.prisma, { ...sessions, where: visibleSessions(caller) }, ids),
})

builder.queryFields((t) => ({
  session: t.field({
    type: Session,
    nullable: true,
    guard: 'sessions:read',
    description: 'One session.',
    args: { id: t.arg.id({ required: true, description: 'The id of the session.' }) },
    resolve: (_root, { id }, { deps, caller }) =>
      findOne(deps.prisma, { ...sessions, where: visibleSessions(caller) }, id),
  }),
  sessions: t.field({
    type: SessionConnection,
    nullable: true,
    guard: 'sessions:read',
    description: 'The sessions with agents within reach; to a MEMBER, their own.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: SessionFilter, description: 'What to narrow the list by.' }),
    },
    resolve: (_root, { filter, ...args }, { deps, caller }) => {
      const narrowed = sessionFilter(caller, {
        ...filter,
        reference: textInput('reference', filter?.reference),
        createdAfter: instantInput('createdAfter', filter?.createdAfter),
        createdBefore: instantInput('createdBefore', filter?.createdBefore),
      })
      const where = Prisma.sql`${visibleSessions(caller)} AND ${narrowed}`
      return findPage(deps.prisma, { ...sessions, where }, pageRequest(args))
    },
  }),
}))
