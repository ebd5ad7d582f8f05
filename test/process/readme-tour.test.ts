import { expect, test } from 'vitest'
import { createFolder, start, startServer } from './program.ts'
import { readTour } from './tour.ts'

const mark = '@@'

/** A request has an id of its own, which README.md leaves out. */
const withoutIds = (line: string): string =>
  line.replace(/"requestId":"[0-9a-f-]{36}"/, '"requestId":"…"')

test('the tour of README.md works as it is pasted, and prints what it says', async () => {
  const tour = await readTour()
  expect(tour.length).toBeGreaterThan(6)
  const server = await startServer({ DATA_DIR: await createFolder() })
  const script = tour.map(({ commands }) => commands).join(`echo '${mark}'\n`)
  expect(script).toContain('http://127.0.0.1:4000/')
  const shell = start('sh', ['-c', script.replaceAll('http://127.0.0.1:4000', server.url)], {})
  const [key = ''] = server.printedKeys
  shell.child.stdin?.end(`${key}\n`)
  expect(await shell.exited).toBe(0)
  expect(shell.output.stderr).toBe('')
  const printed = shell.output.stdout
    .replace('Owner key: ', '')
    .split(`${mark}\n`)
    .map((text) => text.split('\n').slice(0, -1).map(withoutIds))
  expect(printed).toEqual(tour.map(({ prints }) => prints))
})
