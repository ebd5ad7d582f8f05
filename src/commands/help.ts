import { columns } from './columns.ts'
import { type CommandKind, type Option, UsageError } from './define.ts'

const asked = ['--help', '-h']

const optionRow = ([name, { value, description }]: [string, Option]): string[] => [
  `  --${name}${value === undefined ? '' : ` ${value}`}`,
  description,
]

/** What `--help` says of a command. */
export const commandHelp = ({ usage, description, options, example }: CommandKind): string =>
  [
    `latchkey ${usage} [options]`,
    `  ${description}`,
    '',
    'Options:',
    columns(Object.entries(options).map(optionRow)),
    '',
    'Example:',
    `  latchkey ${example}`,
  ].join('\n')

/** What `--help` says of several commands. */
const listHelp = (kinds: readonly CommandKind[]): string =>
  [
    'latchkey <command> [options]',
    '',
    'Commands:',
    columns(kinds.map(({ usage, description }) => [`  ${usage}`, description])),
    '',
    'latchkey <command> --help lists its options; latchkey --version prints the version.',
    'All commands take the settings of the server, and run while it does and while it does not.',
  ].join('\n')

/** @throws UsageError naming the words of a command that there is not */
export const unknownCommand = (argv: readonly string[]): UsageError => {
  const end = argv.findIndex((word) => word.startsWith('-'))
  const words = argv.slice(0, end < 0 ? 2 : Math.min(end, 2)).join(' ')
  const problem = words === '' ? 'expected a command' : `unknown command ${JSON.stringify(words)}`
  return new UsageError(`${problem}; see latchkey --help`)
}

const beginsWith = (words: readonly string[], first: readonly string[]): boolean =>
  first.every((word, index) => word === words[index])

/** The command that was typed, and what stands behind its words; undefined: none of these. */
export function findCommand(
  kinds: readonly CommandKind[],
  argv: readonly string[],
): { readonly kind: CommandKind; readonly rest: string[] } | undefined {
  const kind = kinds.find(({ words }) => beginsWith(argv, words.split(' ')))
  return kind && { kind, rest: argv.slice(kind.words.split(' ').length) }
}

/**
 * The help that was asked for: of one command, of those that begin with the words, or of all;
 * undefined: none was.
 *
 * @throws UsageError where no command begins with the words
 */
export function helpFor(
  kinds: readonly CommandKind[],
  argv: readonly string[],
): string | undefined {
  const at = argv.findIndex((word) => asked.includes(word))
  if (at < 0) return undefined
  const found = findCommand(kinds, argv)
  if (found !== undefined) return commandHelp(found.kind)
  const typed = argv.slice(0, at)
  const named = kinds.filter(({ words }) => beginsWith(words.split(' '), typed))
  if (named.length === 0) throw unknownCommand(argv)
  return listHelp(named)
}
