import {
  type BucketState,
  type LimitSubject,
  limitSubjects,
  windowMs,
} from '../../limits/buckets.ts'
import { builder } from '../../schema/builder.ts'

const RateLimitSubjectType = builder.enumType('RateLimitSubject', {
  description: 'The subject of a rate limit.',
  values: {
    KEY: { description: 'One key, with its access tokens.' },
    WORKSPACE: { description: 'Everything in a workspace together.' },
  } satisfies Record<LimitSubject, { description: string }>,
})

/** How a limit stands. */
export const RateLimit = builder.objectRef<BucketState>('RateLimit').implement({
  description: 'A limit of requests, each counted by what its operation costs, and how it stands.',
  leafFields: 'public',
  fields: (t) => ({
    subject: t.expose('subject', {
      type: RateLimitSubjectType,
      description: 'The subject of the limit.',
    }),
    limit: t.exposeInt('limit', { description: 'How much may be asked for in a window.' }),
    windowSeconds: t.int({
      description: 'How long a window lasts, from its first request on.',
      resolve: () => windowMs / 1_000,
    }),
    remaining: t.exposeInt('remaining', { description: 'How much is left of it.' }),
    resetAt: t.expose('resetAt', {
      type: 'DateTime',
      description: 'When all of it is there again.',
    }),
  }),
})

builder.queryField('rateLimits', (t) =>
  t.field({
    type: [RateLimit],
    guard: 'public',
    listSize: limitSubjects.length,
    description:
      "The caller's limits, this request counted. Empty where nothing is limited. Needs no permission.",
    resolve: async (_root, _args, context) => {
      const { states } = context.charged ?? (await context.deps.limits.charge(context.caller, 0))
      return [...states]
    },
  }),
)
