import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { createSigningSecret } from '../../src/modules/webhook/signing-secret.ts'
import { webhookEvents } from '../../src/transactions/webhook-outbox.ts'
import { eventually } from '../setup/eventually.ts'

const page = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8')

const codeIn = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([^]+?)^\`\`\`$`, 'm').exec(page)?.[1] ?? ''

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  await once(server.close(), 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

const receivers = [
  ['Node.js', process.execPath, ['--input-type=module', '-e', codeIn('js')]],
  ['Python', process.env.TEST_PYTHON ?? '', ['-c', codeIn('python')]],
] as const

test('every event is documented', () => {
  const documented = [...page.matchAll(/^\| `(api_key\.\w+)`/gm)].map(([, name]) => name)
  expect(documented).toEqual(webhookEvents)
})

test.each(receivers.filter(([, program]) => program !== ''))(
  'the receiver in %s takes what is signed, and nothing else',
  async (_, program, args) => {
    const secret = createSigningSecret()
    const port = await freePort()
    const env = { WEBHOOK_SECRET: secret, PORT: String(port), PYTHONUNBUFFERED: '1' }
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
    let printed = ''
    child.stdout.on('data', (part) => {
      printed += part
    })
    onTestFinished(async () => {
      child.kill()
      await once(child, 'exit')
    })
    const body = JSON.stringify({ type: 'api_key.revoked', data: { name: 'Schlüssel' } })
    const send = async (at: Date, sent: string, signature?: string) => {
      const headers = {
        'webhook-id': 'whd_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': signature ?? new Webhook(secret).sign('whd_1', at, body),
      }
      const url = `http://127.0.0.1:${port}/`
      return (await fetch(url, { method: 'POST', headers, body: sent })).status
    }
    const now = new Date()
    await eventually(() => send(now, body))
    expect(await send(now, body)).toBe(204)
    expect(await send(now, body.replace('revoked', 'rotated'))).toBe(401)
    expect(await send(now, body, 'v1,c2hvcnQ= v2,é')).toBe(401)
    expect(await send(new Date(now.getTime() - 600_000), body)).toBe(401)
    expect(await send(new Date(Number.NaN), body, 'v1,')).toBe(401)
    await eventually(() => expect(printed).toContain('whd_1 api_key.revoked Schlüssel'))
  },
)
