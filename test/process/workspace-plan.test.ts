import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder, keysIn, latchkey, startServer, stop } from './program.ts'

const query = '{ workspace { plan requestsPerMinute keyLimit } rateLimits { subject limit } }'
const printed = (stdout: string) => ({ code: 0, stdout: `${stdout}\n`, stderr: '' })
const refusal = (stderr: string) => ({ code: 1, stdout: '', stderr: `latchkey: ${stderr}\n` })

test('workspace plan: in the running server from the next request on, and without one', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const plan = (...argv: string[]) => latchkey(['workspace', 'plan', ...argv], settings)
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  const look = async () => (await server.gql(owner, query)).data
  const unlimited = { plan: 'ENTERPRISE', requestsPerMinute: null, keyLimit: null }
  expect(await look()).toEqual({ workspace: unlimited, rateLimits: [] })

  const free = '600 requests a minute, 20 live keys'
  expect(await plan('main', 'Free')).toEqual(
    printed(`The workspace main is on the plan FREE: ${free}.`),
  )
  const subjects = (limit: number) => ['KEY', 'WORKSPACE'].map((subject) => ({ subject, limit }))
  const onFree = { plan: 'FREE', requestsPerMinute: 600, keyLimit: 20 }
  expect(await look()).toEqual({ workspace: onFree, rateLimits: subjects(600) })
  expect(await plan('main', 'free')).toEqual(
    printed(`Nothing was changed: the workspace main is on the plan FREE already, ${free}.`),
  )
  expect(await plan('none', 'free')).toEqual(refusal('There is no workspace "none".'))

  const own = await plan('main', 'enterprise', '--requests-per-minute', '50')
  expect(own.stdout).toMatch(/ENTERPRISE: 50 requests a minute, unlimited live keys\.\n$/)
  const limited = { ...unlimited, requestsPerMinute: 50 }
  expect(await look()).toEqual({ workspace: limited, rateLimits: subjects(50) })
  expect(await stop(server)).toBe(0)

  const alone = await plan('main', 'enterprise', '--live-keys=7')
  expect(alone.stdout).toMatch(/ENTERPRISE: unlimited requests a minute, 7 live keys\.\n$/)
  const again = await startServer(settings)
  const { data } = await again.gql(owner, query)
  expect(data).toEqual({ workspace: { ...unlimited, keyLimit: 7 }, rateLimits: [] })
  expect(keysIn(alone.stdout)).toEqual([])
})

test('a plan that there is not is refused in one line, and makes no database', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data') }
  expect(await latchkey(['workspace', 'plan', 'main', 'gold'], settings)).toEqual(
    refusal('the plan is "gold"; expected one of FREE, PRO, BUSINESS, ENTERPRISE'),
  )
  expect(existsSync(settings.DATA_DIR)).toBe(false)
})
