import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check, type Diagnostics } from 'recheck'
import { expect, test } from 'vitest'
import { parseAst } from 'vitest/node'

// Where the checker has no program for the machine it runs as JavaScript, three times as long.
const root = fileURLToPath(new URL('../../src', import.meta.url))

/** A regular expression of the program, as it stands in its file. */
interface Expression {
  readonly file: string
  readonly pattern: string
  readonly flags: string
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.startsWith('generated/'),
)

/** Every node of the program's syntax trees. */
function* nodesOf(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Readonly<Record<string, unknown>>
  for (const inner of Object.values(value)) yield* nodesOf(inner)
}

const literals: Expression[] = []
const constructed: string[] = []
for (const file of files)
  for (const node of nodesOf(parseAst(readFileSync(join(root, file), 'utf8'), { lang: 'ts' }))) {
    const { regex, type, callee } = node as { regex?: Omit<Expression, 'file'> } & typeof node
    if (regex) literals.push({ file, pattern: regex.pattern, flags: regex.flags })
    if (type !== 'NewExpression' && type !== 'CallExpression') continue
    if ((callee as { name?: unknown }).name === 'RegExp') constructed.push(file)
  }

/** Proves or refutes, and never only tries: with repetitions of many times as well. */
const prove = ({ pattern, flags }: Expression): Promise<Diagnostics> =>
  check(pattern, flags, {
    checker: 'automaton',
    maxRepeatCount: 1_000,
    maxPatternSize: 10_000,
    maxNFASize: 1_000_000,
    timeout: 20_000,
  })

const verdict = (found: Diagnostics): string =>
  found.status === 'vulnerable'
    ? `${found.complexity.summary}: ${found.attack.pattern}`
    : found.status

test('the checker tells what backtracks', async () => {
  const of = async (pattern: string) => (await prove({ file: '', pattern, flags: '' })).status
  expect(await of('^(a|a)*$')).toBe('vulnerable')
  expect(await of('a+$')).toBe('vulnerable')
  expect(await of('^[a-z]{1,100}$')).toBe('safe')
})

// Where an expression backtracks a short text can hold the process for days.
test('every regular expression takes linear time, for certain', async () => {
  expect(literals.length).toBeGreaterThan(50)
  const wrong: string[] = []
  for (const expression of literals) {
    const found = await prove(expression)
    const { file, pattern, flags } = expression
    if (found.status !== 'safe') wrong.push(`${file}: /${pattern}/${flags} ${verdict(found)}`)
  }
  expect(wrong).toEqual([])
})

test('no regular expression is made of text at run time', () => {
  expect(constructed).toEqual([])
})
