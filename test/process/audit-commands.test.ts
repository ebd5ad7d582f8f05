import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { deriveAuditKey } from '../../src/transactions/audit-chain.ts'
import { growChain } from '../modules/audit/grow-chain.ts'
import { createFolder, latchkey, start, startServer, stop } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 180_000 })

/** Adds events, more than a pipe holds, to the log of a server that does not run. */
async function growLog(dataDir: string, secretsKey: string): Promise<void> {
  const { prisma, close } = await openDatabase({ dataDir })
  const { id } = await prisma.workspace.findFirstOrThrow()
  const changes = [{ field: 'name', before: null, after: 'ü'.repeat(2_000) }]
  const event = { action: 'space.updated', targetId: 's', targetName: 's', changes } as const
  const deps = { prisma, auditKey: deriveAuditKey(secretsKey) }
  await growChain({ deps } as Parameters<typeof growChain>[0], { id }, 1_500, () => event)
  await close()
}

test('audit verify and export, beside a running server and without one', async () => {
  const settings = {
    DATA_DIR: join(await createFolder(), 'data'),
    SECRETS_KEY: 'a key for tests, long enough to be one',
  }
  const first = await startServer(settings)
  expect(await stop(first)).toBe(0)
  await growLog(settings.DATA_DIR, settings.SECRETS_KEY)

  const expectLog = async (): Promise<void> => {
    const verified = await latchkey(['audit', 'verify', '--json'], settings)
    expect(verified).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(verified.stdout)).toMatchObject({ intact: true, checkedEvents: 1_501 })
    const { code, stdout, stderr } = await latchkey(['audit', 'export'], settings)
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => Number(JSON.parse(line).sequence))).toEqual(
      Array.from({ length: 1_501 }, (_, index) => index + 1),
    )
    // As `| head` does.
    const args = ['bin/latchkey.mjs', 'audit', 'export']
    const left = start(process.execPath, args, { ...settings, LOG_LEVEL: 'warn' })
    await once(left.child.stdout as NodeJS.ReadableStream, 'data')
    left.child.stdout?.destroy()
    expect([await left.exited, left.output.stderr]).toEqual([0, ''])
  }
  await expectLog()
  const server = await startServer(settings)
  await expectLog()
  expect(await stop(server)).toBe(0)

  const { prisma, close } = await openDatabase({ dataDir: settings.DATA_DIR })
  await prisma.auditEvent.updateMany({ where: { sequence: 1_000n }, data: { targetName: 't' } })
  await close()
  const broken = await latchkey(['audit', 'verify', '--json'], settings)
  expect(broken).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^latchkey: The audit chain is broken at number 1000, the event evt_\w+\.\n$/,
    ),
  })
  expect(JSON.parse(broken.stdout)).toMatchObject({ intact: false, firstBrokenSequence: 1_000 })
})

// What was refused must be in the log, also of a server that is stopped within the minute.
test('a server that ends writes what it has refused', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data') }
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  const { data } = await server.gql(
    owner,
    'mutation { createApiKey(input: { name: "weak", permissions: ["keys:read"] }) { secret apiKey { id } } }',
  )
  const { secret, apiKey } = data.createApiKey
  for (let count = 0; count < 3; count += 1) await server.gql(secret, '{ agents { nodes { id } } }')
  expect(await stop(server)).toBe(0)
  const { stdout } = await latchkey(['audit', 'export'], settings)
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.at(-1)).toMatchObject({ action: 'request.denied', targetId: apiKey.id })
  expect(events.at(-1).changes).toContainEqual({ field: 'count', before: 'null', after: '3' })
})
