import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtInPlans } from '../../src/limits/plans.ts'
import { readPlansFile } from '../../src/limits/plans-file.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-plans-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function read(text: string) {
  const path = join(folder, 'plans.json')
  await writeFile(path, text)
  return await readPlansFile(path)
}

test('what the file leaves out stays as built in; null is no limit, 0 is one', async () => {
  expect(await read('{}')).toEqual(builtInPlans)
  expect(await read('{ "FREE": {}, "BUSINESS": {} }')).toEqual(builtInPlans)
  const file = {
    FREE: { requestsPerMinute: 0, keyLimit: null },
    PRO: { requestsPerMinute: 100, requestsPerMinutePerKey: 2_147_483_647, keyLimit: 5 },
  }
  expect(await read(JSON.stringify(file))).toEqual({
    ...builtInPlans,
    FREE: { requestsPerMinute: 0, requestsPerMinutePerKey: 600, keyLimit: null },
    PRO: file.PRO,
  })
})

const wholeNumber = 'a whole number from 0 to 2147483647, or null'
const field = 'one of requestsPerMinute, requestsPerMinutePerKey, keyLimit'
const plan = 'one of FREE, PRO, BUSINESS; the limits of ENTERPRISE are set for each workspace'

test.each([
  ['', 'expected JSON: '],
  ['{ "FREE": {\n\n"keyLimit": five } }', 'expected JSON: '],
  ['[]', 'at the top expected an object of plans'],
  ['null', 'at the top expected an object of plans'],
  ['{ "GOLD": {} }', `at "GOLD" expected ${plan}`],
  ['{ "free": {} }', `at "free" expected ${plan}`],
  ['{ "ENTERPRISE": { "keyLimit": 5 } }', `at "ENTERPRISE" expected ${plan}`],
  ['{ "__proto__": { "keyLimit": 5 } }', `at "__proto__" expected ${plan}`],
  ['{ "a\\nb": {} }', `at "a\\nb" expected ${plan}`],
  ['{ "PRO": null }', 'at "PRO" expected an object of limits'],
  ['{ "PRO": { "requests": 5 } }', `at "PRO.requests" expected ${field}`],
  ['{ "PRO": { "__proto__": 5 } }', `at "PRO.__proto__" expected ${field}`],
  ...['-1', '1.5', '"5"', 'true', '[]', '2147483648', '1e400'].map((value) => [
    `{ "PRO": { "keyLimit": ${value} } }`,
    `at "PRO.keyLimit" expected ${wholeNumber}`,
  ]),
])('%j is refused in one line that tells the place', async (text = '', line = '') => {
  const { message } = await read(text).catch((error) => error)
  expect(message).toContain(`PLANS_FILE is ${JSON.stringify(join(folder, 'plans.json'))}; ${line}`)
  expect(message).not.toContain('\n')
})

test('a file that cannot be read is refused with the reason', async () => {
  for (const [path, reason] of [
    [join(folder, 'no\nfile'), 'ENOENT'],
    [folder, 'EISDIR'],
  ] as const)
    await expect(readPlansFile(path)).rejects.toMatchObject({
      name: 'ConfigError',
      message: `PLANS_FILE is ${JSON.stringify(path)}; expected a file that can be read: ${reason}`,
    })
})
