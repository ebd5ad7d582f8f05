import { limitsOf, maxLimit, planNames, type WorkspacePlan } from '../limits/plans.ts'
import { changePlan } from '../modules/workspace/plan.ts'
import { defineCommand, UsageError } from './define.ts'
import { ifGiven, oneOf, wholeNumber } from './option-values.ts'

const limits = {
  'requests-per-minute': {
    type: 'string',
    value: 'N',
    description: 'requests a minute, for ENTERPRISE; unlimited by default',
  },
  'live-keys': {
    type: 'string',
    value: 'N',
    description: 'live keys, for ENTERPRISE; unlimited by default',
  },
} as const

/** `latchkey workspace plan`. */
export const workspacePlan = defineCommand({
  words: 'workspace plan',
  parameters: ['slug', 'plan'],
  options: limits,
  description: 'put a workspace on FREE, PRO, BUSINESS or ENTERPRISE, from the next request on',
  example: 'workspace plan main enterprise --requests-per-minute 20000 --live-keys 500',
  read({ slug, plan: text }, options) {
    const limitOf = (name: keyof typeof limits): number | null =>
      ifGiven(options[name], (typed) => wholeNumber(`--${name}`, maxLimit, typed)) ?? null
    const plan: WorkspacePlan = {
      plan: oneOf('the plan', planNames, text),
      enterpriseRequestsPerMinute: limitOf('requests-per-minute'),
      enterpriseKeyLimit: limitOf('live-keys'),
    }
    const option = Object.keys(limits).find((name) => name in options)
    if (plan.plan !== 'ENTERPRISE' && option !== undefined)
      throw new UsageError(`--${option} is for ENTERPRISE; expected none with ${plan.plan}`)
    return async (deps) => {
      const isChanged = await changePlan(deps, slug, plan)
      const { requestsPerMinute, keyLimit } = limitsOf(deps.limits.plans, plan)
      const its = `${requestsPerMinute ?? 'unlimited'} requests a minute, ${keyLimit ?? 'unlimited'} live keys`
      return {
        text: isChanged
          ? `The workspace ${slug} is on the plan ${plan.plan}: ${its}.`
          : `Nothing was changed: the workspace ${slug} is on the plan ${plan.plan} already, ${its}.`,
        json: { slug, plan: plan.plan, requestsPerMinute, keyLimit, isChanged },
      }
    }
  },
})
