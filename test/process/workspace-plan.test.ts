import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder, latchkey, startServer, stop } from './program.ts'

const query = '{ workspace { plan requestsPerMinute keyLimit } rateLimits { subject limit } }'
const printed = (line: string) => ({ code: 0, stdout: `${line}\n`, stderr: '' })

test('workspace plan acts on the running server, and without one; PLANS_FILE has its limits', async () => {
  const folder = await createFolder()
  const settings = { DATA_DIR: folder, PLANS_FILE: join(folder, 'plans.json') }
  await writeFile(settings.PLANS_FILE, '{ "FREE": { "requestsPerMinute": 40 } }')
  const plan = (...argv: string[]) => latchkey(['workspace', 'plan', 'main', ...argv], settings)
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  expect((await server.gql(owner, query)).data).toEqual({
    workspace: { plan: 'ENTERPRISE', requestsPerMinute: null, keyLimit: null },
    rateLimits: [],
  })
  expect(await plan('free')).toEqual(
    printed('The workspace main is on the plan FREE: 40 requests a minute, 20 live keys.'),
  )
  expect((await server.gql(owner, query)).data).toEqual({
    workspace: { plan: 'FREE', requestsPerMinute: 40, keyLimit: 20 },
    rateLimits: [
      { subject: 'KEY', limit: 600 },
      { subject: 'WORKSPACE', limit: 40 },
    ],
  })
  expect(await stop(server)).toBe(0)

  const line =
    'The workspace main is on the plan ENTERPRISE: unlimited requests a minute, 7 live keys.'
  expect(await plan('enterprise', '--live-keys=7')).toEqual(printed(line))
  const again = await startServer(settings)
  expect((await again.gql(owner, query)).data).toEqual({
    workspace: { plan: 'ENTERPRISE', requestsPerMinute: null, keyLimit: 7 },
    rateLimits: [],
  })
})

test('a plan that there is not is refused in one line, and makes no database', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data') }
  expect(await latchkey(['workspace', 'plan', 'main', 'gold'], settings)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'latchkey: the plan is "gold"; expected one of FREE, PRO, BUSINESS, ENTERPRISE\n',
  })
  expect(existsSync(settings.DATA_DIR)).toBe(false)
})
