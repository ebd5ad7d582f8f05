import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { attempt, verdict } from '../../modules/api-key/ask.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { World } from '../../setup/world.ts'
import { type ServerBeside, serverBeside } from './servers.ts'

useWorkspace()

interface Span {
  readonly began: number
  readonly ended: number
}

async function timed<T>(work: () => Promise<T>): Promise<Span & { readonly value: T }> {
  const began = performance.now()
  const value = await work()
  return { began, ended: performance.now(), value }
}

/** Keeps asking with the secret, from three clients at once, until `isOver`. */
async function asked(
  server: Pick<World, 'gql'>,
  secret: string,
  isOver: () => boolean,
): Promise<(Span & { readonly value: string })[]> {
  const answers: (Span & { readonly value: string })[] = []
  const client = async (): Promise<void> => {
    while (!isOver()) {
      answers.push(await timed(() => verdict(server, secret)))
      await sleep(1)
    }
  }
  await Promise.all([client(), client(), client()])
  return answers
}

const disturbances: Readonly<Record<string, (beside: ServerBeside, turn: number) => void>> = {
  'nothing happens': () => undefined,
  'its connection is cut time and again': ({ hears }, turn) => {
    if (turn % 4 === 1) hears.cut()
    if (turn % 4 === 2) hears.mend()
  },
  'its connection hangs time and again': ({ hears }, turn) => {
    if (turn % 4 === 1) hears.hang()
    if (turn % 4 === 2) hears.mend()
  },
}

// Between the answer to a change and the beginning of the next one there is one right answer, on
// every server, however many requests are under way.
test.each(Object.keys(disturbances))(
  'no request that begins once a change is answered goes by what was before it, while %s',
  async (what) => {
    const beside = await serverBeside(world)
    const key = await seed(world, workspace.secret).key({ name: what })
    let isOver = false
    const asking = asked(beside, key.secret, () => isOver)
    const changes: (Span & { readonly mutation: string })[] = []
    for (let turn = 0; turn < 24; turn += 1) {
      disturbances[what]?.(beside, turn)
      const mutation = turn % 2 === 0 ? 'disableApiKey' : 'enableApiKey'
      const changed = await timed(() => attempt(world, workspace.secret, mutation, { id: key.id }))
      expect(changed.value.codes).toEqual([])
      changes.push({ ...changed, mutation })
      await sleep(20)
    }
    isOver = true
    const answers = await asking

    const wrong: string[] = []
    let judged = 0
    for (const [index, { mutation, ended }] of changes.entries()) {
      const until = changes[index + 1]?.began ?? Number.POSITIVE_INFINITY
      const right = mutation === 'disableApiKey' ? '401 DISABLED' : 'ACCEPTED'
      for (const answer of answers) {
        if (answer.began < ended || answer.ended > until) continue
        judged += 1
        if (answer.value !== right) wrong.push(`${answer.value} after ${mutation} ${index}`)
      }
    }
    expect(wrong).toEqual([])
    expect(judged).toBeGreaterThan(24)
  },
)
