import { credentialRules } from '../../auth/credential-state.ts'
import { rightsRules } from '../../auth/decision.ts'
import { permissionNames } from '../../auth/permissions.ts'
import { badArguments, UserInputError } from '../../errors.ts'
import { builder } from '../../schema/builder.ts'
import type { AccessStep } from './access-step.ts'
import { type AccessExplanation, explainAccess } from './explain.ts'
import { asksAboutItself, mayBeOwnToken } from './explain-target.ts'
import { maxSpaces } from './verification-input.ts'
import { VerdictCodeType } from './verify.mutations.ts'

const ExplainAccessInput = builder.inputType('ExplainAccessInput', {
  description:
    'A key or a token, or, with neither, the caller itself, and what it is to be good for.',
  fields: (t) => ({
    apiKeyId: t.id({ description: 'A key, by its current secret.' }),
    accessTokenId: t.id({
      guard: {
        permission: 'tokens:read',
        unless: { note: 'A token may name itself, and a key its own.', when: mayBeOwnToken },
      },
      description: 'A token.',
    }),
    permissions: t.stringList({
      required: true,
      description:
        'Permissions and aliases that it must have: in every one of the spaces, or workspace-wide without any.',
    }),
    spaceIds: t.idList({
      description: `Spaces that it must reach, each within your reach; at most ${maxSpaces.toLocaleString('en-US')}.`,
    }),
    agentId: t.id({ description: 'An agent that you see; its spaces count as named.' }),
    ip: t.string({
      description:
        "The client's address, for the key's address rule. The caller itself is by default where this request is from.",
    }),
  }),
})

const AccessStepType = builder.objectRef<AccessStep>('AccessStep').implement({
  description: 'One rule of the decision, and what it says.',
  leafFields: 'public',
  fields: (t) => ({
    rule: t.exposeString('rule', {
      description: `The rule: audience, ${[...credentialRules, ...rightsRules].map(({ name }) => name).join(', ')} or rate_limits. Expect new ones.`,
    }),
    passed: t.exposeBoolean('passed', { description: 'Whether it lets the credential through.' }),
    detail: t.exposeString('detail', { description: 'The reason in words, for a human.' }),
  }),
})

const AccessExplanationType = builder.objectRef<AccessExplanation>('AccessExplanation').implement({
  description: 'The decision on a credential, step by step.',
  leafFields: 'public',
  fields: (t) => ({
    allowed: t.boolean({
      description: 'Whether it would be let through: the code is VALID.',
      resolve: ({ code }) => code === 'VALID',
    }),
    code: t.expose('code', {
      type: VerdictCodeType,
      description: 'The verdict that `verifyApiKey` would give.',
    }),
    message: t.string({
      description: 'The verdict in words, for a human.',
      resolve: ({ code, steps }) =>
        code === 'VALID' ? 'It would be let through.' : (steps.at(-1)?.detail ?? ''),
    }),
    missingPermissions: t.stringList({
      listSize: permissionNames.length,
      description:
        'What was asked for and is not held in every one of the spaces; empty for a credential that is not accepted at all.',
      resolve: ({ missingPermissions }) => [...missingPermissions],
    }),
    missingSpaces: t.idList({
      listSize: maxSpaces,
      description: 'The spaces that are not within its reach.',
      resolve: ({ missingSpaces }) => [...missingSpaces],
    }),
    steps: t.field({
      type: [AccessStepType],
      guard: 'public',
      listSize: credentialRules.length + rightsRules.length + 2,
      description: 'The rules in the order in which they are applied, up to the one that decided.',
      resolve: ({ steps }) => [...steps],
    }),
  }),
})

builder.queryField('explainAccess', (t) =>
  t.field({
    type: AccessExplanationType,
    nullable: true,
    guard: {
      permissions: ['keys:read'],
      unless: {
        note: 'A key or token may ask about itself, a token about its key, a key about its tokens, and a person about themselves.',
        when: ({ input }, principal) => asksAboutItself(input, principal),
      },
    },
    description:
      'Whether a key or token would be let through, and if not, which rule stops it. Nothing is run or charged to it. Null for one that the caller does not see.',
    args: {
      input: t.arg({ type: ExplainAccessInput, required: true, description: 'The question.' }),
    },
    resolve: (_root, { input }, context) =>
      explainAccess(context, input).catch((error: unknown) => {
        throw error instanceof UserInputError ? badArguments(error) : error
      }),
  }),
)
