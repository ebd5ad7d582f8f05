import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchChromium } from './chromium.ts'
import { startServer } from './running-server.ts'

let server: Awaited<ReturnType<typeof startServer>>
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

/** GraphiQL as a first visitor opens it, with everything noted that it asks for or complains of. */
async function visit(path = '/graphql') {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } })
  const requests: string[] = []
  const complaints: string[] = []
  context.on('request', (request) => requests.push(request.url()))
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
  await page.goto(`${server.url}${path}`)
  await page.getByRole('tab').first().waitFor()
  return { page, requests, complaints }
}

test('an admin enters the key and is told who they are', async () => {
  const who = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': server.key },
    body: JSON.stringify({ query: '{ viewer { user { name } } }' }),
  })
  const { name } = (await who.json()).data.viewer.user
  const { page, requests, complaints } = await visit('/')
  const titles = await page.locator('.graphiql-tab-button').allTextContents()
  expect(titles).toEqual([
    'WhoAmI',
    'WhatIsHere',
    'CreateKeyForTwoSpaces',
    'RotateKey',
    'RevokeKey',
  ])

  // Before a key is entered the documentation is there already.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
  await page.getByRole('link', { name: 'Mutation' }).waitFor()
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click()

  // The second line of the header editor is `"X-API-Key": ""`: to between the quotes, and paste.
  const headers = page.locator('.graphiql-editor-tool .monaco-editor:visible')
  expect(await headers.textContent()).toContain('"X-API-Key"')
  await headers.click()
  for (const press of ['Control+Home', 'ArrowDown', 'End', 'ArrowLeft'])
    await page.keyboard.press(press)
  await page.keyboard.insertText(server.key)
  await page.getByRole('button', { name: 'Execute query' }).click()
  await page.locator('.result-window').getByText(`"${name}"`, { exact: true }).waitFor()
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT })

  expect(complaints).toEqual([])
  const foreign = requests.filter((url) => new URL(url).origin !== server.url)
  expect(foreign).toEqual([])
  expect(requests.filter((url) => url === `${server.url}/graphql`).length).toBeGreaterThan(1)
  const stored = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))
  expect(stored).toContain('WhoAmI')
  expect(`${stored} ${page.url()}`).not.toContain(server.key.slice(3))
  await page.context().close()
})

test('every tab opens at the first click, and a reload brings back the same ones', async () => {
  const { page, complaints } = await visit()
  for (const title of ['RevokeKey', 'CreateKeyForTwoSpaces', 'WhatIsHere', 'RotateKey', 'WhoAmI']) {
    await page.getByText(title, { exact: true }).click()
    await page.locator('.graphiql-tab-active', { hasText: title }).waitFor({ timeout: 5_000 })
  }
  const response = await page.reload()
  await page.getByRole('tab').first().waitFor()
  expect(await page.getByRole('tab').count()).toBe(5)
  expect(page.url()).toBe(`${server.url}/graphql`)
  expect(response?.status()).toBe(200)
  expect(complaints).toEqual([])
  await page.context().close()
})
