import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createViteServer } from 'vitest/node'
import { launchChromium } from './chromium.ts'
import { startServer } from './running-server.ts'

let server: Awaited<ReturnType<typeof startServer>>
let vite: Awaited<ReturnType<typeof createViteServer>>
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  vite = await createViteServer({
    root: fileURLToPath(new URL('../../examples/browser', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0, watch: null },
  })
  await vite.listen()
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await vite?.close()
  await server?.stop()
})

async function createSpaces(names: readonly string[]): Promise<void> {
  const fields = names.map(
    (name, at) => `s${at}: createSpace(input: { name: "${name}" }) { errors { code } }`,
  )
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': server.key },
    body: JSON.stringify({ query: `mutation { ${fields.join(' ')} }` }),
  })
  expect(await response.text()).not.toContain('code')
}

test('the page of examples/browser lists, pages, creates, and shows failures', async () => {
  await createSpaces(Array.from({ length: 21 }, (_, index) => `Space ${index}`))
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(vite.resolvedUrls?.local[0] ?? '')
  const show = async (credential: string): Promise<void> => {
    await page.getByLabel('Server').fill(`${server.url}/graphql`)
    await page.getByLabel('Key or sign-in token').fill(credential)
    await page.getByRole('button', { name: 'Show' }).click()
  }
  const create = async (name: string): Promise<void> => {
    await page.getByLabel('New space').fill(name)
    await page.getByRole('button', { name: 'Create' }).click()
  }

  await show('nonsense')
  await page
    .getByText(/^UNAUTHENTICATED: .* \(request [0-9a-f-]{36}\)$/)
    .first()
    .waitFor()
  await show(server.key)
  const spaces = page.locator('#spaces li')
  await spaces.nth(19).waitFor()
  expect(await spaces.count()).toBe(20)
  expect(await page.locator('#errors').textContent()).toBe('')
  await page.getByRole('button', { name: 'More spaces' }).click()
  await spaces.filter({ hasText: /^Space 0 \(RESTRICTED, since / }).waitFor()
  expect(await spaces.count()).toBe(21)
  expect(await page.getByRole('button', { name: 'More spaces' }).isVisible()).toBe(false)

  await create('SPACE 1')
  await page.getByText(/^input\.name NAME_TAKEN: /).waitFor()
  await create('<b>New</b>')
  await spaces.filter({ hasText: /^<b>New<\/b> \(/ }).waitFor()
  expect(await page.locator('#problems').textContent()).toBe('')
  expect(complaints).toEqual([])
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location]))
  expect(kept).not.toContain(server.key)
})
