import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type IdentityProvider, startIdentityProvider } from '../setup/identity-provider.ts'
import { launchChromium } from './chromium.ts'
import { startServer } from './running-server.ts'

type Server = Awaited<ReturnType<typeof startServer>>

let server: Server
let production: Server
let provider: IdentityProvider
let browser: Browser

beforeAll(async () => {
  provider = await startIdentityProvider()
  server = await startServer({
    OIDC_ISSUER: provider.issuer,
    OIDC_AUDIENCE: provider.audience,
    SIGN_UP: 'on',
  })
  production = await startServer({ NODE_ENV: 'production', HOST: '127.0.0.1' })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await Promise.all([server?.stop(), production?.stop(), provider?.close()])
})

const titles = [
  'WhoAmI',
  'WhatIsHere',
  'CreateTwoSpaces',
  'CreateKeyForTwoSpaces',
  'KeysToReview',
  'RotateKey',
  'RevokeKey',
  'CreateScope',
  'InviteMember',
  'WhatDoesItNeed',
  'WhyIsItRefused',
  'WhoDidWhat',
]

/** GraphiQL as a first visitor opens it, with everything noted that it asks for or complains of. */
async function visit({ url }: Server, path = '/graphql') {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const requests: Request[] = []
  const complaints: string[] = []
  context.on('request', (request) => requests.push(request))
  context.on('requestfailed', (request) => {
    // A reload ends what the page was still loading.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED')
      complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`)
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  await page.goto(url + path)
  return { page, requests, complaints }
}

async function enter(page: Page, credential: string): Promise<void> {
  await page.getByLabel('Key or token').fill(credential)
  await page.getByRole('button', { name: 'Use key' }).click()
}

async function enterGood(page: Page, credential: string): Promise<void> {
  await enter(page, credential)
  await page.getByRole('button', { name: 'Forget key' }).waitFor()
}

async function open(page: Page, title: string): Promise<void> {
  await page.locator(`.graphiql-tab-button[title="${title}"]`).click()
  await page.locator('.graphiql-tab-active', { hasText: title }).waitFor({ timeout: 5_000 })
}

/** Opens a tab and runs it, to the text that its answer must hold. */
async function run(page: Page, title: string, text: string): Promise<void> {
  await open(page, title)
  await page.getByRole('button', { name: 'Execute query' }).click()
  await page.locator('.result-window').getByText(text).first().waitFor()
}

const schemaIsThere = (page: Page) => page.getByRole('link', { name: 'Mutation' }).waitFor()

const storedBy = (page: Page) =>
  page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]))

async function ask({ url }: Server, key: string, query: string) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  })
  return await response.json()
}

test('with public introspection the documentation is there before a key is', async () => {
  const { page, requests, complaints } = await visit(server, '/')
  await schemaIsThere(page)
  expect(await page.locator('.graphiql-tab-button').allTextContents()).toEqual(titles)
  await run(page, 'WhoAmI', '"UNAUTHENTICATED"')
  await enterGood(page, server.key)
  expect(await page.getByRole('status').textContent()).toBe('Owner · OWNER · API_KEY')
  await run(page, 'WhoAmI', '"Owner"')
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT })
  expect(complaints).toEqual([expect.stringContaining('401')])
  const foreign = requests.filter((request) => new URL(request.url()).origin !== server.url)
  expect(foreign).toEqual([])
  await page.context().close()
})

test('in production it asks for a key before anything else, and keeps it for all tabs until a reload', async () => {
  const { page, requests, complaints } = await visit(production)
  await page.waitForLoadState('networkidle')
  expect(await page.getByRole('tab').count()).toBe(0)
  expect(requests.filter((request) => request.method() === 'POST')).toEqual([])
  expect(complaints).toEqual([])

  const wrong = `${production.key.slice(0, -6)}000000`
  const { errors } = await ask(production, wrong, '{ viewer { kind } }')
  await enter(page, wrong)
  await page.getByRole('status').getByText(errors[0].message, { exact: true }).waitFor()
  expect(await page.getByRole('tab').count()).toBe(0)
  await enterGood(page, ` ${production.key} `)
  await schemaIsThere(page)
  expect(await page.getByLabel('Key or token').inputValue()).toBe('')

  await run(page, 'CreateTwoSpaces', '"Support"')
  await run(page, 'WhatIsHere', '"Sales"')
  const secret = await twoSpaceKey(page)
  const { data } = await ask(production, secret, '{ spaces { nodes { name } } }')
  expect(data).toEqual({ spaces: { nodes: [{ name: 'Sales' }, { name: 'Support' }] } })
  await run(page, 'KeysToReview', '"unused"')
  await run(page, 'RotateKey', '"previousSecretExpiresAt"')
  await run(page, 'RevokeKey', '"revokedCount": 1')
  expect(complaints).toEqual([expect.stringContaining('401')])

  const stored = await storedBy(page)
  expect(stored).toContain('WhoAmI')
  expect(`${stored} ${page.url()}`).not.toContain(production.key.slice(3))
  expect(stored).not.toContain(secret.slice(3))

  await page.reload()
  await page.waitForLoadState('networkidle')
  expect(await page.getByLabel('Key or token').inputValue()).toBe('')
  expect(await page.getByRole('tab').count()).toBe(0)
  await page.context().close()
})

/** Runs the tab that makes a key, and gives the secret that it shows. */
async function twoSpaceKey(page: Page): Promise<string> {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST')
  await run(page, 'CreateKeyForTwoSpaces', '"secret"')
  const answer = await (await answered).json()
  return answer.data.createApiKey.secret
}

test('a forgotten key is not sent any more, and another credential can be entered', async () => {
  const { data } = await ask(
    production,
    production.key,
    'mutation { createAccessToken(input: { permissions: ["workspace:read", "spaces:read"] }) { token } }',
  )
  const { page } = await visit(production)
  await enterGood(page, production.key)
  await run(page, 'WhoAmI', '"API_KEY"')
  await page.getByRole('button', { name: 'Forget key' }).click()
  await run(page, 'WhoAmI', '"UNAUTHENTICATED"')
  await enterGood(page, data.createAccessToken.token)
  await run(page, 'WhoAmI', '"ACCESS_TOKEN"')
  await page.context().close()
})

test('a person enters their sign-in token, and chooses one of their workspaces', async () => {
  const { accessToken } = await provider.signIn({ sub: 'ada', name: 'Ada' })
  for (const slug of ['acme', 'zenith']) {
    const input = `{ name: "${slug}", slug: "${slug}" }`
    await ask(
      server,
      accessToken,
      `mutation { createWorkspace(input: ${input}) { errors { message } } }`,
    )
  }
  const { page } = await visit(server)
  await enterGood(page, accessToken)
  await page.getByLabel('Workspace').selectOption({ label: 'acme' })
  await run(page, 'WhoAmI', '"acme"')
  await page.getByRole('button', { name: 'Forget key' }).click()
  await enterGood(page, server.key)
  await run(page, 'WhoAmI', '"API_KEY"')
  expect(await page.getByLabel('Workspace').isVisible()).toBe(false)
  await page.context().close()
})

test('every tab opens at the first click with its lines uncut, and a reload brings back the same ones', async () => {
  const { page, complaints } = await visit(server)
  await schemaIsThere(page)
  for (const title of [...titles].reverse()) {
    await open(page, title)
    const cut = await page.locator('.graphiql-query-editor .view-line').evaluateAll((lines) =>
      lines.filter((line) => {
        const end = line.firstElementChild?.getBoundingClientRect().right ?? 0
        return end > (line.closest('.overflow-guard')?.getBoundingClientRect().right ?? 0)
      }),
    )
    expect(cut).toEqual([])
  }
  const response = await page.reload()
  await page.getByRole('tab').first().waitFor()
  expect(await page.getByRole('tab').count()).toBe(titles.length)
  expect(page.url()).toBe(`${server.url}/graphql`)
  expect(response?.status()).toBe(200)
  expect(complaints).toEqual([])
  await page.context().close()
})
