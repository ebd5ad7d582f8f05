import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { serve } from '../../http/listening.ts'
import { start } from '../../process/program.ts'
import { createWorld } from '../../setup/world.ts'
import { allowHashes } from './allow-hashes.ts'

// What an operator pastes on the day of the move.
test('the commands of docs/legacy-keys.md work as they are pasted', async () => {
  const page = await readFile(new URL('../../../docs/legacy-keys.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^( *)```sh\n(.*?)^ *```/gms)].map(([, , text = '']) => text)
  expect(blocks).toHaveLength(6)
  const world = await createWorld()
  const workspace = await world.createWorkspace()
  const { secret } = workspace
  // As the one that a first start makes.
  await allowHashes(world, workspace)
  const { url } = await serve(world.app.fetch)
  const shell = start('sh', ['-ec', blocks.join('\n').replace('http://127.0.0.1:4000', url)], {})
  shell.child.stdin?.end(`${secret}\n`)
  expect(await shell.exited).toBe(0)
  expect(shell.output.stderr).toBe('')
  const { stdout } = shell.output
  expect(stdout).toMatch(/^deprecation: @\d+$/im)
  const [dry, imported, asked, , listed, migrated] = [...stdout.matchAll(/^.*?(\{.*\})\s*$/gm)].map(
    ([, json = '']) => JSON.parse(json),
  )
  const nothing = { apiKey: null, errors: [] }
  const both = [{ index: 0 }, { index: 1 }]
  expect(dry.data.importLegacyKeys).toEqual({
    results: both.map((it) => ({ ...it, ...nothing })),
    errors: [],
  })
  const names = ['Nightly export', 'Dashboard']
  expect(imported.data.importLegacyKeys).toEqual({
    results: both.map(({ index }) => ({
      index,
      apiKey: { id: expect.any(String), name: names[index] },
      errors: [],
    })),
    errors: [],
  })
  expect(asked.data).toEqual({ viewer: { permissions: ['agents:read', 'agents:run'] } })
  expect(listed.data.apiKeys.nodes).toMatchObject(
    names.reverse().map((name) => ({ name, start: expect.stringMatching(/^old-/) })),
  )
  expect(migrated.data.migrateLegacyKey).toMatchObject({
    secret: expect.stringMatching(/^lk_/),
    apiKey: { legacy: false, permissions: ['agents:read'] },
    errors: [],
  })
  await world.close()
})
