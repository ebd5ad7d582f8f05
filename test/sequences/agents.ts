import { heldIn } from '../../src/auth/policy.ts'
import type { Held, Snapshot } from './probe.ts'
import { breach, type Violation } from './rules.ts'
import type { Stage } from './stage.ts'
import type { Step } from './steps.ts'

/** A session as it began. */
export interface BegunSession {
  readonly agentId: string
  /** Those that its agent had then. */
  readonly spaceIds: readonly string[]
  readonly user: string
}

/** The spaces of an agent, deleted ones included. */
export async function spacesOfAgent({ world }: Stage, agentId: string): Promise<string[]> {
  const rows = await world.deps.prisma.agentSpace.findMany({ where: { agentId } })
  return rows.map(({ spaceId }) => spaceId)
}

/** The permissions held in every one of the spaces; in a deleted one only by who has all spaces. */
export function heldInEvery({ rights }: Held, spaceIds: readonly string[]): ReadonlySet<string> {
  const [first = new Set<string>(), ...others] = spaceIds.map(
    (id): ReadonlySet<string> => heldIn(rights, id),
  )
  return others.reduce((all, one) => all.intersection(one), first)
}

/** The credential, the one that it was given by, and so on, to the sign-in that was the first. */
function origins(stage: Stage, label: string): string[] {
  const { kind, receiver } = stage.credentials.get(label) ?? {}
  if (kind === undefined || kind === 'PERSON') return []
  return [label, ...(receiver === undefined ? [] : origins(stage, receiver))]
}

/** Neither who moves an agent can do more to it afterwards, nor a key that gave them their credential. */
export function moverRule(
  stage: Stage,
  { held }: Snapshot,
  by: string,
  spaces: { readonly before: readonly string[]; readonly after: readonly string[] },
): Violation[] {
  return [...new Set([by, ...origins(stage, by)])].flatMap((label) => {
    const its = held.get(label)
    if (!its?.isLive) return []
    const earlier = heldInEvery(its, spaces.before)
    const gained = [...heldInEvery(its, spaces.after).difference(earlier)]
    return breach('more on an agent than before it was moved', label, gained)
  })
}

/** Notes where the session began that a step has made, and whose it is. */
export async function noteSession(stage: Stage, { n }: Step, caller: Held): Promise<void> {
  const id = stage.things.get(`session${n}`)?.id
  if (id === undefined) return
  const { agentId } = await stage.world.deps.prisma.session.findFirstOrThrow({ where: { id } })
  const spaceIds = await spacesOfAgent(stage, agentId)
  stage.sessions.set(id, { agentId, spaceIds, user: caller.user })
}
