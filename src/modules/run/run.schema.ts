import { builder } from '../../builder.ts'
import { findByIds, findOne } from '../../db/page.ts'
import type { RunStatus } from '../../generated/prisma/client.ts'
import { longText } from '../../graphql/long-text.ts'
import { nodeType } from '../../graphql/node.ts'
import { User, userLoader } from '../member/user.schema.ts'
import { Run, Session } from '../refs.ts'
import { sessionLoader } from '../session/session-loader.ts'
import { runs, visibleRuns } from './run.queries.ts'

const RunStatusType = builder.enumType('RunStatus', {
  description: 'Where a run stands.',
  values: {
    RUNNING: { description: 'The agent has not answered yet.' },
    SUCCEEDED: { description: 'It has answered.' },
    FAILED: { description: 'There is no answer; `error` says why.' },
    CANCELED: { description: 'Somebody gave it up, or the access by which it was begun ended.' },
  } satisfies Record<RunStatus, { description: string }>,
})

Run.implement({
  description: 'What an agent was asked, and its answer. A run is never repeated.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the run.' }),
    session: t.field({
      type: Session,
      nullable: true,
      guard: 'sessions:read',
      description: 'The session that it is part of.',
      resolve: ({ sessionId }, _args, context) => sessionLoader(context).load(sessionId),
    }),
    status: t.expose('status', { type: RunStatusType, description: 'Where it stands.' }),
    input: t.string({
      description: 'What the agent was asked.',
      resolve: async ({ id }, _args, context) => (await longText(context, 'Run.input', id)) ?? '',
    }),
    output: t.string({
      nullable: true,
      description: 'The answer; null until it is there.',
      resolve: ({ id }, _args, context) => longText(context, 'Run.output', id),
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why it failed, safe to show.',
    }),
    agentVersion: t.exposeInt('agentVersion', {
      description: 'The version of the agent that was asked: that of the session.',
    }),
    inputTokens: t.exposeInt('inputTokens', {
      nullable: true,
      description: 'What the model read, by its own count; null where it told none.',
    }),
    outputTokens: t.exposeInt('outputTokens', {
      nullable: true,
      description: 'What the model wrote, by its own count; null where it told none.',
    }),
    createdBy: t.field({
      type: User,
      nullable: true,
      guard: 'members:read',
      description: 'Who asked.',
      resolve: ({ createdById }, _args, context) => userLoader(context).load(createdById),
    }),
    createdById: t.exposeID('createdById', { description: 'The id of the user who asked.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null while it runs.',
    }),
  }),
})

nodeType('run', Run, {
  item: 'run',
  find: ({ deps, caller }, ids) =>
    findByIds(deps.prisma, { ...runs, where: visibleRuns(caller) }, ids),
})

builder.queryField('run', (t) =>
  t.field({
    type: Run,
    nullable: true,
    guard: 'sessions:read',
    description: 'One run: to be polled while it runs in the background.',
    args: { id: t.arg.id({ required: true, description: 'The id of the run.' }) },
    resolve: (_root, { id }, { deps, caller }) =>
      findOne(deps.prisma, { ...runs, where: visibleRuns(caller) }, id),
  }),
)
