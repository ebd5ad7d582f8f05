import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createFolder, freePort, start, startServer } from '../process/program.ts'
import { documentedSite, nginxFolder } from './gateway.ts'
import { startNginx } from './nginx.ts'
import { blocksOf, settle } from './page.ts'
import { startService } from './service.ts'

const page = 'gateway.md'

// All of it together, as somebody would paste it: the server's process, its key, and nginx.
test('the commands of docs/gateway.md work as they are pasted, and what they make is a gateway', async () => {
  const server = await startServer({ DATA_DIR: await createFolder() })
  const [owner = ''] = server.printedKeys
  const folder = await nginxFolder()
  onTestFinished(() => rm(folder, { recursive: true }))
  const script = settle((await blocksOf(page, 'sh')).join('\n'), {
    'http://127.0.0.1:4000': server.url,
    '/etc/nginx/': `${folder}/`,
    '/etc/caddy/': `${folder}/`,
  })
  const shell = start('sh', ['-ec', script], {})
  shell.child.stdin?.end(`${owner}\n`)
  expect(await shell.exited).toBe(0)
  expect(shell.output.stderr).toBe('')
  const [prints] = await blocksOf(page, 'text')
  expect(shell.output.stdout.replace('Owner key: ', '')).toBe(prints)

  const service = await startService()
  onTestFinished(service.close)
  const listen = await freePort()
  const places = { latchkey: Number(new URL(server.url).port), service: service.port, listen }
  const nginx = await startNginx(folder, await documentedSite({ ...places, folder }), listen)
  onTestFinished(nginx.stop)
  const ask = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`http://127.0.0.1:${listen}/agents/`, { headers })).status
  expect(await ask({ authorization: `Bearer ${owner}` })).toBe(200)
  expect(await ask({})).toBe(401)
  expect(service.received).toHaveLength(1)
}, 120_000)
