import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFolder, start } from '../process/program.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { exchange } from './ask.ts'
import { serveWorld } from './listening.ts'

let world: World
let workspace: TestWorkspace
let page: string

beforeAll(async () => {
  page = await readFile(new URL('../../docs/oauth.md', import.meta.url), 'utf8')
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

const blocksOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text = '']) => text,
  )

test('the commands of docs/oauth.md work as they are pasted', async () => {
  const blocks = blocksOf('sh')
  expect(blocks).toHaveLength(5)
  const { url } = await serveWorld(world)
  const script = blocks.join('echo\n').replace('http://127.0.0.1:4000', url)
  const shell = start('sh', ['-ec', script], {})
  shell.child.stdin?.end(`${workspace.keyId}\n${workspace.secret}\n`)
  expect(await shell.exited).toBe(0)
  expect(shell.output.stderr).toBe('')
  const answers = shell.output.stdout.match(/^\{.*\}$/gm)?.map((line) => JSON.parse(line))
  expect(answers).toMatchObject([{ token_type: 'Bearer' }, { active: true }])
})

type Example = { permissionsIn(space: string, token: string): Promise<string[]> }

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** The example as a program of its own, with nothing of ours but the packages that are installed. */
async function loadExample(issuer: string, workspaceId: string): Promise<Example> {
  const [code = ''] = blocksOf('js')
  const folder = await createFolder()
  await symlink(packages, join(folder, 'node_modules'))
  const file = join(folder, 'resource-server.mjs')
  const settled = code
    .replace('https://keys.example.com', issuer)
    .replace('wsp_your_workspace', workspaceId)
  await writeFile(file, settled)
  return await import(/* @vite-ignore */ pathToFileURL(file).href)
}

// What a resource server relies on when it asks nobody: signature, issuer, audience, type, expiry,
// and whose token it is.
test('the example of docs/oauth.md takes good tokens, and no others', async () => {
  const served = await serveWorld(world)
  const { permissionsIn } = await loadExample(served.url, workspace.id)
  const make = seed(world, workspace.secret)
  const [support, sales] = [await make.space({ name: 'A' }), await make.space({ name: 'B' })]
  const key = await make.key({
    name: 'client',
    permissions: ['agents:read', 'agents:run'],
    spaces: [{ spaceId: support }, { spaceId: sales, permissions: ['agents:read'] }],
  })
  const all = { id: workspace.keyId, secret: workspace.secret }
  const resource = 'https://reports.example.com'

  const token = await exchange(served, key, { resource })
  expect(await permissionsIn(support, token)).toEqual(['agents:read', 'agents:run'])
  expect(await permissionsIn(sales, token)).toEqual(['agents:read'])
  for (const other of ['spc_other', 'constructor', '__proto__'])
    expect(await permissionsIn(other, token)).toEqual([])
  const everywhere = await exchange(served, all, { resource, scope: 'spaces:read' })
  expect(await permissionsIn('spc_other', everywhere)).toEqual(['spaces:read'])

  const powerless = await make.key({ name: 'powerless', permissions: [], allSpaces: true })
  expect(await permissionsIn(support, await exchange(served, powerless, { resource }))).toEqual([])

  // Whoever has a workspace of their own can have tokens for all spaces, for any audience.
  const stranger = await world.createWorkspace()
  const foreign = { id: stranger.keyId, secret: stranger.secret }
  const foreignToken = await exchange(served, foreign, { resource })
  await expect(permissionsIn(support, foreignToken)).rejects.toThrow('another workspace')

  const forUs = await exchange(served, key)
  const ofAnother = await exchange(world, key, { resource })
  const [head, body, signature = ''] = token.split('.')
  const tampered = `${head}.${body}.${[...signature].reverse().join('')}`
  for (const [bad, code] of [
    [forUs, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    [ofAnother, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    [tampered, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'],
  ] as const)
    await expect(permissionsIn(support, bad)).rejects.toMatchObject({ code })
})
