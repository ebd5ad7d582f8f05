import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { openInFolder } from '../../src/db/pglite.ts'
import { readTemplate } from '../../src/db/template.ts'

let dataDir: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-embedded-'))
})

afterEach(() => rmSync(dataDir, { recursive: true }))

test('keeps its data in the folder from one start to the next', async () => {
  const first = await openDatabase({ dataDir })
  expect(first.embedded).toBe(true)
  await first.prisma.setting.create({ data: { name: 'kept', value: 'yes' } })
  await first.close()
  const second = await openDatabase({ dataDir })
  expect(await second.prisma.setting.findMany()).toEqual([{ name: 'kept', value: 'yes' }])
  await second.close()
})

test('begins from the template that an install leaves behind', async () => {
  expect((await readTemplate())?.size).toBeGreaterThan(1_000_000)
})

test('begins without a template as well, only slower', async () => {
  const database = await openInFolder(dataDir, () => readTemplate(tmpdir()))
  const { rows } = await database.query('SELECT * FROM "Workspace"')
  expect(rows).toEqual([])
  await database.close()
  const again = await openDatabase({ dataDir })
  expect(await again.prisma.workspace.count()).toBe(0)
  await again.close()
})

test('begins anew after a first start that was killed half-way', async () => {
  const halfWay = (): Promise<undefined> => {
    expect(existsSync(join(dataDir, 'db'))).toBe(true)
    writeFileSync(join(dataDir, 'db', 'PG_VERSION'), 'half of the')
    return Promise.reject(new Error('killed'))
  }
  await expect(openInFolder(dataDir, halfWay)).rejects.toThrow('killed')
  const database = await openDatabase({ dataDir })
  expect(await database.prisma.workspace.count()).toBe(0)
  await database.close()
})

test('a killed process has lost nothing that it had committed', async () => {
  const script = fileURLToPath(new URL('../setup/write-settings.ts', import.meta.url))
  const writer = spawn(process.execPath, [script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(writer, 'exit')
  const told: string[] = []
  for await (const line of createInterface(writer.stdout)) {
    told.push(line)
    if (told.length === 300) writer.kill('SIGKILL')
  }
  expect(await exit).toEqual([null, 'SIGKILL'])

  const database = await openDatabase({ dataDir })
  const rows = await database.prisma.setting.findMany({ orderBy: { name: 'asc' } })
  const names = rows.map(({ name }) => name)
  expect(names.slice(0, told.length)).toEqual(told)
  // One more may have been committed and not yet told.
  expect(names.length - told.length).toBeLessThanOrEqual(1)
  await database.close()
})
