import { findAll } from '../db/where.ts'
import { limitsOf, maxLimit, planNames, type WorkspacePlan } from '../limits/plans.ts'
import { allowHashImport } from '../modules/workspace/hash-import.ts'
import { changePlan } from '../modules/workspace/plan.ts'
import { columns, shownInstant } from './columns.ts'
import { defineCommand, UsageError } from './define.ts'
import { oneOf, valued, wholeNumber } from './option-values.ts'

/** What is shown of a workspace. */
const select = { id: true, slug: true, name: true, plan: true, createdAt: true } as const

const workspacesList = defineCommand({
  words: 'workspaces list',
  description: 'list the workspaces, newest first',
  example: 'workspaces list --json',
  read:
    () =>
    async ({ prisma }) => {
      const all = await findAll({}, (query) => prisma.workspace.findMany({ ...query, select }))
      const rows = all.map((it) => [it.id, it.slug, it.name, it.plan, shownInstant(it.createdAt)])
      return { text: columns([['ID', 'SLUG', 'NAME', 'PLAN', 'CREATED'], ...rows]), json: all }
    },
})

const limits = {
  'requests-per-minute': valued('N', 'requests a minute, for ENTERPRISE; unlimited by default'),
  'live-keys': valued('N', 'live keys, for ENTERPRISE; unlimited by default'),
} as const

/** `latchkey workspace plan`. */
const workspacePlan = defineCommand({
  words: 'workspace plan',
  parameters: ['slug', 'plan'],
  options: limits,
  description: 'put a workspace on FREE, PRO, BUSINESS or ENTERPRISE, from the next request on',
  example: 'workspace plan main enterprise --requests-per-minute 20000 --live-keys 500',
  read({ slug, plan: text }, options) {
    const limitOf = (name: keyof typeof limits): number | null =>
      wholeNumber(`--${name}`, maxLimit, options[name]) ?? null
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

/** `latchkey workspace hash-import`. */
const workspaceHashImport = defineCommand({
  words: 'workspace hash-import',
  parameters: ['slug', 'on or off'],
  description: 'let a workspace import legacy keys by their hashes, or not',
  example: 'workspace hash-import main on',
  read({ slug, 'on or off': text }) {
    const state = oneOf('it', ['on', 'off'], text)
    return async (deps) => {
      const isChanged = await allowHashImport(deps, slug, state === 'on')
      const may = `workspace ${slug} may import ${state === 'on' ? '' : 'no '}hashes of legacy keys.`
      return {
        text: isChanged ? `The ${may}` : `Nothing was changed: the ${may}`,
        json: { slug, hashImport: state === 'on', isChanged },
      }
    }
  },
})

export const workspaceCommands = [workspacesList, workspacePlan, workspaceHashImport]
