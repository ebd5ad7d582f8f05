import type { Prisma, Run as RunInFull, RunStatus } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { textWithinBudget } from '../../schema/text-within-budget.ts'
import { userField } from '../member/user.schema.ts'
import { sessionLoader } from '../session/session.schema.ts'
import { ofSessionsHeld } from '../session/session.visibility.ts'
import { runsOf } from './run.visibility.ts'

const RunStatusType = builder.enumType('RunStatus', {
  description: 'Where a run stands.',
  values: {
    RUNNING: { description: 'The agent has not answered yet.' },
    SUCCEEDED: { description: 'It has answered.' },
    FAILED: { description: 'There is no answer; `error` says why.' },
    CANCELED: { description: 'Somebody gave it up, or the access by which it was begun ended.' },
  } satisfies Record<RunStatus, { description: string }>,
})

export const Run = builder.prismaObject('Run', {
  // Who sees it follows from its session.
  select: { id: true, workspaceId: true, createdAt: true, sessionId: true },
  description: 'A question to an agent, and its answer. A run is never repeated.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the run.' }),
    session: t.prismaField({
      type: 'Session',
      nullable: true,
      guard: 'sessions:read',
      description: 'The session that it is part of.',
      resolve: (query, { sessionId }, _args, context, info) =>
        sessionLoader(context, info, query).load(sessionId),
    }),
    status: t.expose('status', { type: RunStatusType, description: 'Where it stands.' }),
    input: t.string({
      description: 'The input of the run.',
      resolve: async ({ id }, _args, context) =>
        (await textWithinBudget(context, 'Run.input', id)) ?? '',
    }),
    output: t.string({
      nullable: true,
      description: 'The answer; null until it is there.',
      resolve: ({ id }, _args, context) => textWithinBudget(context, 'Run.output', id),
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
      description:
        'The number of input tokens by the count of the model; null where the endpoint gave none.',
    }),
    outputTokens: t.exposeInt('outputTokens', {
      nullable: true,
      description:
        'The number of output tokens by the count of the model; null where the endpoint gave none.',
    }),
    createdBy: t.field(userField('createdById', 'The user who asked.')),
    createdById: t.exposeID('createdById', { description: 'The id of the user who asked.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null while it runs.',
    }),
  }),
})

/** The runs of these ids that the caller sees. */
async function findRuns(
  { deps: { prisma }, caller }: Context,
  ids: string[],
  plan: Prisma.RunDefaultArgs,
): Promise<RunInFull[]> {
  const runs = await prisma.run.findMany({ ...plan, where: runsOf(caller, ids) })
  return ofSessionsHeld(prisma, caller, 'sessions:read', runs)
}

entity('run', Run, {
  item: 'run',
  guard: 'sessions:read',
  description: 'One run: to be polled while it runs in the background.',
  noun: 'run',
  find: (context, ids, plan) => findRuns(context, ids, plan),
})
