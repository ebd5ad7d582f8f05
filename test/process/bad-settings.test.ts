import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { refusal } from '../unit/config-refusal.ts'
import { createFolder, launch, occupyPort } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

type Refused = readonly [Readonly<Record<string, string>>, RegExp, string?]

/** The settings, the line after "latchkey: ", and what no line may hold. */
const refusedAsRead: readonly Refused[] = [
  [{ PORT: 'abc' }, /^PORT is "abc"; expected a whole number from 0 to 65535$/],
  [{ WEBHOOK_ALLOW_PRIVATE: 'yes' }, /^WEBHOOK_ALLOW_PRIVATE is "yes"; expected one of on, off$/],
  [{ LOG_LEVEL: 'x' }, /^LOG_LEVEL is "x"; expected one of fatal, error,/],
  [{ LATCHKEY_BOOTSTRAP_KEY: 'hunter2' }, /^LATCHKEY_BOOTSTRAP_KEY is not accept/, 'hunter2'],
  [{ DATABASE_URL: 'mysql://user:hunter2@h/db' }, /^DATABASE_URL is not acceptable/, 'hunter2'],
  [
    { DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/db', NODE_ENV: 'production' },
    /^SECRETS_KEY is not set; with DATABASE_URL in production, expected/,
    'hunter2',
  ],
  [
    { PUBLIC_URL: 'https://keys.example.com/api' },
    /^PUBLIC_URL is not acceptable .+; expected http:/,
  ],
  [{ TRUSTED_PROXIES: '10.0.0.1/8' }, /^TRUSTED_PROXIES is "10.0.0.1\/8"; expected addresses and/],
  [{ NODE_ENV: 'Production' }, /^NODE_ENV is "Production"; expected one of production, dev/],
  [{ DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1' }, /^DATABASE_URL is not acc/, 'hunter2'],
  [{ SECRETS_KEY_FILE: '/no/secret' }, /^SECRETS_KEY_FILE cannot be read: ENOENT/],
]

/** One of those above, and what is found out later. */
const refused: readonly Refused[] = [
  [{ SECRETS_KEY: 'hunter2' }, /^SECRETS_KEY is not acceptable .+ 32 characters$/, 'hunter2'],
  [
    { DATABASE_URL: 'postgresql://user:hunter2@127.0.0.1:1/db' },
    /^DATABASE_URL leads to no database: /,
    'hunter2',
  ],
  [
    {
      DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/db',
      SECRETS_KEY: 'hunter2'.repeat(5),
      NODE_ENV: 'production',
    },
    /^PUBLIC_URL is not set; with DATABASE_URL in production, expected http:/,
    'hunter2',
  ],
  [
    { PLANS_FILE: '/dev/null/plans.json' },
    /^PLANS_FILE is "\/dev\/null\/plans.json"; expected a file that can be read: ENOTDIR$/,
  ],
  [
    {
      OIDC_ISSUER: 'http://LOCALHOST:4321',
      OIDC_AUDIENCE: 'keys',
      HOST: 'localhost',
      PORT: '4321',
    },
    /^OIDC_ISSUER is "http:\/\/LOCALHOST:4321"; expected another one than PUBLIC_URL$/,
  ],
  [
    { DATABASE_URL: 'postgresql://u@127.0.0.1:1/db?sslmode=require&sslrootcert=/no/ca.pem' },
    /^DATABASE_URL leads to no database: ENOENT: .+'\/no\/ca\.pem'$/,
  ],
  [{ DATA_DIR: '/proc/latchkey/data' }, /^DATA_DIR is "\/proc\/latchkey\/data"; expected a folder/],
  [{ DATA_DIR: '/dev/null/data' }, /^DATA_DIR is "\/dev\/null\/data"; expected a folder/],
]

// What is on standard error ends in logs: a setting's secret value must not.
test('a bad setting is refused in one line that names it, and never holds a secret', () => {
  for (const [settings, line, hidden] of refusedAsRead) {
    const message = refusal(settings)
    expect(message).toMatch(line)
    if (hidden) expect(message).not.toContain(hidden)
  }
})

test('a bad setting stops the start with one line that names it, and never a secret', async () => {
  const dataDir = join(await createFolder(), 'data')
  const attempts = refused.map(([settings, line, hidden]) => async () => {
    const warned = settings.DATABASE_URL ? { LOG_LEVEL: 'error' } : {}
    const { output, exited } = launch({ DATA_DIR: dataDir, ...warned, ...settings })
    expect(await exited, JSON.stringify(settings)).toBe(1)
    expect(output.stdout).toBe('')
    expect(output.stderr).toMatch(/^latchkey: .+\n$/)
    expect(output.stderr.slice('latchkey: '.length).trimEnd()).toMatch(line)
    if (hidden) expect(output.stderr).not.toContain(hidden)
  })
  // Two at a time: each takes a processor.
  const worker = async (): Promise<void> => {
    for (let next = attempts.pop(); next; next = attempts.pop()) await next()
  }
  await Promise.all([worker(), worker()])
})

test('where it cannot listen, a start stops with one line', async () => {
  const { port, close } = await occupyPort()
  const settings = { DATA_DIR: await createFolder() }
  for (const [where, line] of [
    [{ PORT: String(port) }, `PORT is ${port}; expected one that is free on 127\\.0\\.0\\.1`],
    [{ HOST: '192.0.2.1' }, 'HOST is "192\\.0\\.2\\.1".+expected an address of this machine'],
    [{ HOST: 'no-such-host.invalid' }, 'HOST is "no-such-host\\.invalid".+expected.*'],
  ] as const) {
    const { output, exited } = launch({ ...settings, ...where })
    expect([where, await exited, output.stdout]).toEqual([where, 1, ''])
    expect(output.stderr).toMatch(new RegExp(`^latchkey: ${line}\n$`))
  }
  await close()
})
