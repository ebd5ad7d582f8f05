import { afterAll, expect, test } from 'vitest'
import { exchange } from '../http/listening.ts'
import { seed } from '../setup/seed.ts'
import { startGateway } from './gateway.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())
const make = seed(gateway.world, gateway.workspace.secret)
const { secret } = await make.key({
  name: 'client',
  permissions: ['agents:read'],
  allSpaces: true,
})

/** The status, challenge and verdict that come of a target with these header lines. */
async function ask(target: string, ...lines: readonly string[]) {
  const head = [`GET ${target} HTTP/1.1`, 'Host: test', ...lines, 'Connection: close', '', '']
  const answer = await exchange(gateway.nginx.port, head.join('\r\n'))
  const header = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer)?.[1]
  return [answer.split(' ', 2)[1], header('WWW-Authenticate'), header('Latchkey-Verdict')]
}

const malformed = ['401', 'Bearer error="invalid_token"', 'MALFORMED']

// It would look as if the gateway were set up wrong, and anybody could raise that alarm.
test.each(['a\x01b', 'a\tb', 'a\x1fb', 'a\x7fb', 'äb'])(
  'a credential with anything but printable ASCII in it is malformed: %j',
  async (sent) => {
    const before = gateway.service.received.length
    expect(await ask('/agents/a', `Authorization: Bearer ${sent}`)).toEqual(malformed)
    expect(await ask('/agents/a', `X-API-Key: ${sent}`)).toEqual(malformed)
    const good = `Authorization: Bearer ${secret}`
    expect(await ask('/agents/a', good, `X-API-Key: ${sent}`)).toEqual(malformed)
    expect(gateway.service.received).toHaveLength(before)
  },
)

test('credentials that are too long for Latchkey are malformed, on the longest path too', async () => {
  const long = 'a'.repeat(8_150)
  const [bearer, key] = [`Authorization: Bearer ${long}`, `X-API-Key: ${long}`]
  for (const lines of [[bearer], [key], [bearer, key]])
    expect(await ask('/agents/a', ...lines)).toEqual(malformed)
  const fitting = [`Authorization: ${'a'.repeat(6_144)}`, `X-API-Key: ${'a'.repeat(6_144)}`]
  expect(await ask(`/agents/${long}`, ...fitting)).toEqual(malformed)
  expect((await ask(`/spaces/spc_${long}/runs`, ...fitting))[0]).toBe('404')
  expect(gateway.nginx.logged()).not.toContain('unexpected status')
})

test('Latchkey is asked about a credential of 6 KiB as it is, and about no longer one', async () => {
  const asked = async (value: string): Promise<string | undefined> => {
    await ask('/agents/a', `Authorization: ${value}`)
    return gateway.latchkey.questions.at(-1)?.headers.authorization
  }
  const longest = `Bearer ${'a'.repeat(6_137)}`
  expect(await asked(longest)).toBe(longest)
  expect(await asked(`${longest}a`)).toBe('Bearer malformed')
})
