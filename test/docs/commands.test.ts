import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { commands } from '../../src/commands/commands.ts'
import { commandHelp } from '../../src/commands/help.ts'

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

test('docs/commands.md has the help of every command, under its words', async () => {
  const page = await read('docs/commands.md')
  const documented = [...page.matchAll(/^## ([^\n]+)\n\n```text\n(.*?)\n```$/gms)].map(
    ([, words, help]) => [words, help],
  )
  expect(documented).toEqual(commands.map((kind) => [kind.words, commandHelp(kind)]))
})

test('docs/commands.md lists every command that there is, and no other', async () => {
  const [intro = ''] = (await read('docs/commands.md')).split(/^## /m)
  const documented = [...intro.matchAll(/^\| `(.+?)` *\|/gm)].map(([, usage]) => usage)
  expect(documented).toEqual(commands.map(({ usage }) => usage))
})
