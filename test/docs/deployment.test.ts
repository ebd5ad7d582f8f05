import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { BlockList } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig, settingNames } from '../../src/config.ts'

const file = (path: string): URL => new URL(`../../${path}`, import.meta.url)
const read = (path: string): Promise<string> => readFile(file(path), 'utf8')

const compose = parse(await read('compose.yaml'))
const { latchkey, nginx } = compose.services
const dockerfile = (await read('Dockerfile')).replaceAll(/\\\n\s*/g, '')
const [, lastStage = ''] = /^FROM (?!.*\bAS\b)(.*)/ms.exec(dockerfile) ?? []

const isSetting = (name: string): boolean => settingNames.includes(name.replace(/_FILE$/, ''))

/** The values of an instruction of the image's last stage. */
const instructions = (name: string): string[] =>
  [...lastStage.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, value = '']) => value)

test('what compose.yaml sets is a setting each, and together they are acceptable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-compose-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const secrets: Record<string, string> = {
    database_url: 'postgresql://latchkey:a1b2@postgres:5432/latchkey',
    secrets_key: 'q'.repeat(44),
  }
  for (const name of latchkey.secrets) await writeFile(join(folder, name), secrets[name] ?? '')
  const environment: [string, string][] = Object.entries({
    ...latchkey.environment,
    PUBLIC_URL: 'https://keys.example.com',
    NODE_ENV: 'production',
  })
  expect(environment.filter(([name]) => !isSetting(name))).toEqual([])
  const config = readConfig(
    Object.fromEntries(
      environment.map(([name, value]) => [name, value.replace('/run/secrets', folder)]),
    ),
  )
  expect(config).toMatchObject({ secretsKey: secrets.secrets_key, warnings: [] })
  expect(config.trustedProxies).toEqual([nginx.networks.front.ipv4_address])
})

test('no server is given the fixed address of another service', () => {
  const [{ subnet, ip_range }] = compose.networks.front.ipam.config
  const block = (text: string): BlockList => {
    const [address = '', bits] = text.split('/')
    const list = new BlockList()
    list.addSubnet(address, Number(bits))
    return list
  }
  const fixed = Object.values<any>(compose.services).flatMap(({ networks }) =>
    Object.values<any>(networks).flatMap((it) => it.ipv4_address ?? []),
  )
  expect(fixed).toContain(nginx.networks.front.ipv4_address)
  expect(fixed.filter((it) => !block(subnet).check(it))).toEqual([])
  expect(fixed.filter((it) => block(ip_range).check(it))).toEqual([])
})

test('every image of compose.yaml has a tag, and every service is waited for until it is healthy', () => {
  for (const [name, { image, depends_on = {}, healthcheck, secrets = [] }] of Object.entries<any>(
    compose.services,
  )) {
    expect([name, image]).toEqual([name, expect.stringMatching(/:(?!latest$)[\w.-]+$/)])
    // Ours is the image's.
    expect([name, healthcheck?.test[0]]).toEqual([name, name === 'latchkey' ? undefined : 'CMD'])
    for (const [needed, { condition }] of Object.entries<any>(depends_on)) {
      expect(compose.services).toHaveProperty(needed)
      expect([name, needed, condition]).toEqual([name, needed, 'service_healthy'])
    }
    for (const secret of secrets) expect(compose.secrets).toHaveProperty(secret)
  }
  expect(instructions('HEALTHCHECK')).toHaveLength(1)
  const [conf = ''] = nginx.volumes[0].split(':')
  expect(existsSync(file(conf))).toBe(true)
})

test('the image runs the server itself, as a user of its own, and asks it whether it is well', () => {
  expect(instructions('USER')).toEqual(['10001:10001'])
  expect(instructions('ENTRYPOINT').map((it) => JSON.parse(it))).toEqual([
    ['node', 'src/server.ts'],
  ])
  const [, check = ''] = instructions('HEALTHCHECK')[0]?.split(' CMD ') ?? []
  expect(JSON.parse(check).slice(0, 2)).toEqual(['node', '-e'])
  const [environment = ''] = instructions('ENV')
  const names = environment.split(' ').map((it) => it.split('=')[0] ?? '')
  expect(names.filter((name) => name !== 'PATH' && !isSetting(name))).toEqual([])
  expect(environment).toContain(`DATA_DIR=${instructions('VOLUME')[0]}`)
})

test('the image is built of files that are named, none of which Git leaves out', async () => {
  const lines = (await read('.dockerignore')).split('\n').filter((it) => it && !it.startsWith('#'))
  const named = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  expect(lines).toEqual([
    '*',
    ...named.map((name) => `!${name}`),
    '**/generated',
    '**/node_modules',
  ])
  expect(named).toEqual(expect.arrayContaining(['package-lock.json', 'scripts', 'src']))
  expect(named.filter((name) => !existsSync(file(name)))).toEqual([])
})

test('systemd waits for the end of the server for as long as that may take', async () => {
  const unit = await read('deploy/latchkey.service')
  const of = (name: string): string[] =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
  const set = of('Environment').flatMap((line) => line.split(' ').map((it) => it.split('=')[0]))
  expect(set.filter((name = '') => !isSetting(name))).toEqual([])
  expect(of('ExecStart')).toEqual(['/opt/latchkey/node_modules/.bin/node src/server.ts'])
  const { shutdownSeconds } = readConfig({})
  // What a hanging database and an unread log add.
  expect(Number(of('TimeoutStopSec')[0])).toBeGreaterThanOrEqual(shutdownSeconds + 15)
  expect(parseInt(latchkey.stop_grace_period, 10)).toBeGreaterThanOrEqual(shutdownSeconds + 15)
})
