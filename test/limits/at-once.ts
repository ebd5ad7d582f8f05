import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { readCommand } from '../../src/commands/commands.ts'
import { metricsOf, unanswered } from '../setup/metrics.ts'
import { seed } from '../setup/seed.ts'
import type { World } from '../setup/world.ts'

const together = 200
const limit = 50
const rounds = 10

interface Round {
  /** With a window of their own; requests are sent with each of them in turn. */
  readonly secrets: readonly string[]
  ask(secret: string, index: number): Promise<{ readonly status: number }>
}

/**
 * How many of 200 requests at once pass; the others get 429. On a busy machine the database may be
 * too slow for a request, which is then 503 and charged to nobody, and Redis for a charge, which
 * another window then counts: such a round says nothing of the limit, and another one is tried.
 */
export async function passedAtOnce(
  prepare: () => Promise<Round>,
  unansweredSoFar: () => Promise<number>,
): Promise<number> {
  for (let round = 0; round < rounds; round++) {
    const { secrets, ask } = await prepare()
    const before = await unansweredSoFar()
    const answers = await Promise.all(
      Array.from({ length: together }, (_, index) =>
        ask(secrets[index % secrets.length] ?? '', index),
      ),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => ![200, 429, 503].includes(status))).toEqual([])
    const isWhole = !statuses.includes(503) && (await unansweredSoFar()) === before
    if (isWhole) return statuses.filter((status) => status === 200).length
    // Until Redis counts again.
    await sleep(2_000)
  }
  throw new Error(`the machine is too busy: in ${rounds} rounds something was too slow`)
}

const query = '{ viewer { kind } }'

/** That a limit of 50 lets exactly 50 of 200 requests at once pass, through the front door. */
export function limitsAtOnce(world: () => World): void {
  vi.setConfig({ testTimeout: 120_000 })
  const passed = (makeKeys: () => Promise<string[]>): Promise<number> =>
    passedAtOnce(
      async () => ({
        secrets: await makeKeys(),
        ask: (secret) => world().gql(secret, query),
      }),
      async () => unanswered(await metricsOf(world().app)),
    )

  test('of 200 requests at once exactly as many pass as a key may ask in a minute', async () => {
    const workspace = await world().createWorkspace()
    const { key } = seed(world(), workspace.secret)
    let count = 0
    const made = async (): Promise<string[]> => [
      (await key({ name: `Limited ${++count}`, requestsPerMinute: limit })).secret,
    ]
    expect(await passed(made)).toBe(limit)
  })

  test('of 200 requests at once exactly as many pass as the keys of a workspace may ask together', async () => {
    const made = async (): Promise<string[]> => {
      const workspace = await world().createWorkspace()
      const { key } = seed(world(), workspace.secret)
      const names = ['One', 'Two', 'Three', 'Four']
      const keys = await Promise.all(names.map((name) => key({ name, requestsPerMinute: limit })))
      const command = ['workspace', 'plan', workspace.slug, 'enterprise', '--requests-per-minute']
      await readCommand([...command, String(limit)])(world().deps)
      return keys.map(({ secret }) => secret)
    }
    expect(await passed(made)).toBe(limit)
  })
}
