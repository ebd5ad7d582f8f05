import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Deps } from '../deps.ts'
import { ConfigError } from '../errors.ts'

/** A command of the command line, ready to run; it resolves to what it prints. */
export type Command = (deps: Deps) => Promise<string>

/** What the command line offers under some words. */
export interface CommandKind {
  /** What it is called by, such as `signing-key rotate`. */
  readonly words: string
  /** How it is typed. */
  readonly usage: string
  readonly description: string
  /**
   * The path of the file that it takes, among what stands behind its words; undefined: none.
   *
   * @throws ConfigError for what is missing or too much
   */
  fileOf(argv: readonly string[]): string | undefined
  /**
   * Reads what stands behind its words, and the text of its file.
   *
   * @throws ConfigError for what is missing, too much or not acceptable
   */
  read(argv: readonly string[], text: string): Command
}

type OptionsOf<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true }>
>['values']

interface Definition<Parameter extends string, Options extends ParseArgsOptionsConfig> {
  readonly words: string
  /** What must follow the words, in this order. */
  readonly parameters?: readonly Parameter[]
  readonly options?: Options
  /** The parameter that is the path of a file. */
  readonly file?: Parameter
  readonly description: string
  /** `text` is that of its file. */
  read(
    given: Readonly<Record<Parameter, string>>,
    options: OptionsOf<Options>,
    text: string,
  ): Command
}

/** A command, with what it is given under the names of its parameters. */
export function defineCommand<
  const Parameter extends string = never,
  const Options extends ParseArgsOptionsConfig = Record<never, never>,
>({
  words,
  parameters = [],
  options,
  file,
  description,
  read,
}: Definition<Parameter, Options>): CommandKind {
  const usage = [words, ...parameters.map((name) => `<${name}>`)].join(' ')
  const refused = (): ConfigError => new ConfigError(`expected latchkey ${usage}: ${description}`)

  const parse = (argv: readonly string[]) => {
    try {
      const { positionals, values } = parseArgs({
        args: [...argv],
        options: options ?? ({} as Options),
        allowPositionals: true,
      })
      if (positionals.length !== parameters.length) throw refused()
      const given = Object.fromEntries(parameters.map((name, index) => [name, positionals[index]]))
      return { given: given as Record<Parameter, string>, values: values as OptionsOf<Options> }
    } catch {
      throw refused()
    }
  }
  return {
    words,
    usage,
    description,
    fileOf(argv) {
      const { given } = parse(argv)
      return file && given[file]
    },
    read(argv, text) {
      const { given, values } = parse(argv)
      return read(given, values, text)
    },
  }
}
