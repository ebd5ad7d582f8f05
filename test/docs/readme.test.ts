import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { settingNames } from '../../src/config.ts'

const file = (path: string): URL => new URL(`../../${path}`, import.meta.url)
const read = (path: string): Promise<string> => readFile(file(path), 'utf8')

const allOf = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

test('docs/settings.md has every setting that there is, and no other', async () => {
  const documented = allOf(await read('docs/settings.md'), /^\| `(\w+)`/gm)
  expect([...documented].sort()).toEqual([...settingNames].sort())
})

test('every link to a file leads to one, and every npm script is there', async () => {
  const pages = (await readdir(file('docs'))).map((name) => `docs/${name}`)
  const { scripts } = JSON.parse(await read('package.json'))
  for (const page of [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'bench/README.md',
    'examples/browser/README.md',
    'examples/node/README.md',
    'examples/python/README.md',
    ...pages,
  ]) {
    const text = await read(page)
    const links = allOf(text, /\]\(([^)#:]+)(?:#[^)]*)?\)/g)
    expect(links.filter((link) => !existsSync(new URL(link, file(page))))).toEqual([])
    const named = allOf(text, /npm run ([\w:]+)/g)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  }
})
