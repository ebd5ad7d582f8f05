import type { SignInWorld } from '../sign-in/sign-in-world.ts'
import { moverRule, noteSession, spacesOfAgent } from './agents.ts'
import {
  askedRule,
  endingRule,
  lastOwnerRule,
  memberRule,
  ownersRule,
  secretsRule,
} from './further-rules.ts'
import { look } from './look.ts'
import { type Outcome, perform } from './perform.ts'
import type { Powers } from './powers.ts'
import { probe, type Snapshot } from './probe.ts'
import {
  declarationRule,
  giverRule,
  receiverRule,
  remember,
  tokenRule,
  type Violation,
} from './rules.ts'
import { createStage, type Stage } from './stage.ts'
import type { Step } from './steps.ts'

/** How often each action was done, and refused. */
export type Tally = Map<string, { done: number; refused: number; codes: Record<string, number> }>

const rules = [
  askedRule,
  declarationRule,
  giverRule,
  receiverRule,
  tokenRule,
  endingRule,
  memberRule,
  ownersRule,
  secretsRule,
  lastOwnerRule,
]

/** A stage with what was read of it last. */
export interface Play {
  readonly stage: Stage
  readonly snapshots: [Snapshot, Snapshot]
  /** Plays one step, a mutation, `time` or `look`, and tells which rules do not hold after it. */
  step(step: Step): Promise<readonly Violation[]>
}

/** Begins a sequence on workspaces of its own. */
export async function begin(base: SignInWorld, tally: Tally): Promise<Play> {
  const stage = await createStage(base)
  const [first, second] = stage.tenants
  const snapshots: [Snapshot, Snapshot] = [await probe(stage, first), await probe(stage, second)]
  const most = new Map<string, Powers>()
  for (const snapshot of snapshots) remember(snapshot, most)
  let epochs = await epochsOf(stage)

  /** Reads what a step has changed, and holds it to the rules. */
  const check = async (step: Step, outcome: Outcome): Promise<Violation[]> => {
    const now = await epochsOf(stage)
    const violations: Violation[] = []
    // A person who comes claims the memberships that wait for them elsewhere.
    const mayChangeAll = step.action === 'time' || stage.credentials.get(step.by)?.kind === 'PERSON'
    for (const tenant of stage.tenants) {
      const { index } = tenant
      const isOwn = index === step.tenant
      const isChanged = now[index] !== epochs[index]
      if (!isChanged && !(isOwn && outcome.isDone)) continue
      if (!isOwn && !mayChangeAll)
        violations.push({ rule: 'another workspace was changed', label: step.by, detail: '' })
      const before = snapshots[index]
      const after = await probe(stage, tenant)
      remember(after, most)
      snapshots[index] = after
      const played = { stage, step, outcome, before, after, most }
      violations.push(...rules.flatMap((rule) => rule(played)))
    }
    epochs = now
    return violations
  }

  return {
    stage,
    snapshots,
    async step(step) {
      const before = snapshots[step.tenant]
      if (step.action === 'look') {
        const found = await look(stage, stage.tenants[step.tenant], snapshots, step.by)
        return [...found, ...(await check(step, { isDone: false, codes: [] }))]
      }
      const agentId = step.action === 'updateAgent' ? idOf(stage, step.input.id) : undefined
      const agentSpaces = agentId && (await spacesOfAgent(stage, agentId))
      // A first use ends a previous secret, and who comes claims what waits for them.
      const mayChange =
        !stage.used.has(step.by) || stage.credentials.get(step.by)?.kind === 'PERSON'
      const outcome = await perform(stage, step, before)
      if (outcome === undefined) return []
      count(tally, step, outcome)
      const unexpected = outcome.codes.filter((code) => unexpectedCodes.has(code))
      if (unexpected.length > 0)
        return [{ rule: 'an unexpected error', label: step.by, detail: unexpected.join() }]
      const caller = before.held.get(step.by)
      if (outcome.isDone && step.action === 'createSession' && caller)
        await noteSession(stage, step, caller)
      const violations = outcome.isDone || mayChange ? await check(step, outcome) : []
      if (!agentId || !agentSpaces || !outcome.isDone) return violations
      const spaces = await spacesOfAgent(stage, agentId)
      const moved = { before: agentSpaces, after: spaces }
      return [...violations, ...moverRule(stage, before, step.by, moved)]
    },
  }
}

function count(tally: Tally, { action }: Step, { isDone, codes }: Outcome): void {
  const its = tally.get(action) ?? { done: 0, refused: 0, codes: {} }
  tally.set(action, its)
  its[isDone ? 'done' : 'refused']++
  for (const code of codes) its.codes[code] = (its.codes[code] ?? 0) + 1
}

const unexpectedCodes = new Set([
  'INTERNAL_SERVER_ERROR',
  'SERVICE_UNAVAILABLE',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'MALFORMED',
])

const idOf = ({ things }: Stage, label: unknown): string | undefined =>
  things.get(String(label).slice(1))?.id

async function epochsOf({ world, tenants }: Stage): Promise<readonly bigint[]> {
  const rows = await world.deps.prisma.$queryRaw<{ id: string; epoch: bigint }[]>`
    SELECT id, epoch FROM "Workspace" WHERE id = ANY(${tenants.map(({ id }) => id)}::text[])`
  return tenants.map((tenant) => rows.find(({ id }) => id === tenant.id)?.epoch ?? 0n)
}
