import { ConfigError } from '../errors.ts'
import type { Plan } from '../generated/prisma/client.ts'
import {
  limitsOf,
  maxLimit,
  type PlanLimits,
  planNames,
  type WorkspacePlan,
} from '../limits/plans.ts'
import { changePlan } from '../modules/workspace/plan.ts'
import { defineCommand } from './define.ts'

function planNamed(text: string): Plan {
  const plan = planNames.find((name) => name === text.toUpperCase())
  if (plan !== undefined) return plan
  throw new ConfigError(
    `the plan is ${JSON.stringify(text)}; expected one of ${planNames.join(', ')}`,
  )
}

function limitOption(name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const limit = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (limit <= maxLimit) return limit
  throw new ConfigError(
    `--${name} is ${JSON.stringify(text)}; expected a whole number from 0 to ${maxLimit}`,
  )
}

const shown = ({ requestsPerMinute, keyLimit }: PlanLimits): string =>
  `${requestsPerMinute ?? 'unlimited'} requests a minute, ${keyLimit ?? 'unlimited'} live keys`

/** `latchkey workspace plan`. */
export const workspacePlan = defineCommand({
  words: 'workspace plan',
  parameters: ['slug', 'plan'],
  options: {
    'requests-per-minute': { type: 'string' },
    'live-keys': { type: 'string' },
  },
  description:
    'its plan: FREE, PRO, BUSINESS, or ENTERPRISE [--requests-per-minute N] [--live-keys N]',
  read({ slug, plan: text }, options) {
    const plan: WorkspacePlan = {
      plan: planNamed(text),
      enterpriseRequestsPerMinute: limitOption(
        'requests-per-minute',
        options['requests-per-minute'],
      ),
      enterpriseKeyLimit: limitOption('live-keys', options['live-keys']),
    }
    const [option] = Object.keys(options)
    if (plan.plan !== 'ENTERPRISE' && option !== undefined)
      throw new ConfigError(`--${option} is for ENTERPRISE; expected none with ${plan.plan}`)
    return async (deps) => {
      const isChanged = await changePlan(deps, slug, plan)
      const limits = shown(limitsOf(deps.limits.plans, plan))
      return isChanged
        ? `The workspace ${slug} is on the plan ${plan.plan}: ${limits}.`
        : `Nothing was changed: the workspace ${slug} is on the plan ${plan.plan} already, ${limits}.`
    }
  },
})
