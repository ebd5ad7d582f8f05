import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Write } from '../db/admin-socket.ts'
import type { Deps } from '../deps.ts'
import { ConfigError, type UserError, UserInputError } from '../errors.ts'

/** A command that cannot be run as it was typed; the message is one line. */
export class UsageError extends ConfigError {}

/** A command of the command line, ready to run; it resolves to what it prints, behind what it has written. */
export type Command = (deps: Deps, write?: Write) => Promise<string>

/** The result of a command. */
export interface CommandResult {
  readonly text: string
  /** The same for `--json`, with the names of the API. */
  readonly json: unknown
  /** What the log names as its target; by default what was typed besides options. */
  readonly target?: string
}

/** `write` is for a result that is too long to be held. */
type Run = (deps: Deps, write: Write) => Promise<CommandResult>

/** Ends a command that has done a part of its work; the further lines of the message say what it has not. */
export class PartialFailure extends Error {
  override readonly name = 'PartialFailure'
  readonly json: unknown
  constructor(message: string, json: unknown) {
    super(message)
    this.json = json
  }
}

/** The text with its lines joined by blanks. */
export const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')

/** An option with what `--help` says of it. */
export type Option = ParseArgsOptionsConfig[string] & {
  /** What stands for its value. */
  readonly value?: string
  readonly description: string
}
type Options = Readonly<Record<string, Option>>

const json = { type: 'boolean', description: 'print the result as one JSON document' } as const
type Common = { readonly json: typeof json }

/** What a command takes, of what was typed behind its words. */
export interface Typed {
  /** The path of its file; undefined: it takes none. */
  readonly file: string | undefined
  /** What was typed besides options. */
  readonly target: string
  readonly json: boolean
  /**
   * Reads what was typed, and the text of the file.
   *
   * @throws ConfigError for what is not acceptable
   */
  read(text: string): Run
}

/** What the command line offers under some words. */
export interface CommandKind {
  /** What it is called by, such as `signing-key rotate`. */
  readonly words: string
  /** How it is typed, options aside. */
  readonly usage: string
  readonly description: string
  readonly options: Options
  /** Typed as an example, without `latchkey`. */
  readonly example: string
  /** @throws UsageError for what is missing, too much or not known */
  parse(argv: readonly string[]): Typed
  /** The error with messages that name what was typed, where the input of a service was at fault. */
  explain(error: unknown): unknown
}

type OptionsOf<Given extends Options> = ReturnType<
  typeof parseArgs<{ options: Given & Common; allowPositionals: true }>
>['values']

interface Definition<Parameter extends string, Given extends Options> {
  readonly words: string
  /** What must follow the words, in this order. */
  readonly parameters?: readonly Parameter[]
  readonly options?: Given
  /** Whether its result is JSON anyhow. */
  readonly isJson?: true
  /** The parameter that is the path of a file. */
  readonly file?: Parameter
  readonly description: string
  readonly example: string
  /** `text` is that of its file. */
  read(given: Readonly<Record<Parameter, string>>, options: OptionsOf<Given>, text: string): Run
}

/** `overlapSeconds` as it is typed with another character between its words. */
const spelled = (field: string, between: string): string =>
  field.replace(/[A-Z]/g, (letter) => between + letter.toLowerCase())

/** A command, with what it is given under the names of its parameters. */
export function defineCommand<
  const Parameter extends string = never,
  const Given extends Options = Record<never, never>,
>(definition: Definition<Parameter, Given>): CommandKind {
  const { words: name, parameters = [], file, description, example } = definition
  const options: Options = { ...definition.options, ...(!definition.isJson && { json }) }
  const usage = [name, ...parameters.map((parameter) => `<${parameter}>`)].join(' ')
  const refuse = (problem: string): never => {
    throw new UsageError(`${problem}; see latchkey ${name} --help`)
  }

  const parse = (argv: readonly string[]) => {
    try {
      return parseArgs({ args: [...argv], options, allowPositionals: true, tokens: true })
    } catch (error) {
      const { message } = error as Error
      // No command takes what looks like an option.
      return refuse(oneLine(message.replace(/\. To specify a positional.*/s, '')))
    }
  }

  const labelOf = ({ path }: UserError): string => {
    const field = path?.[1] ?? ''
    const option = spelled(field, '-')
    if (option in options) return `--${option}: `
    const parameter = parameters.find((it) => it === spelled(field, ' '))
    return parameter === undefined ? '' : `<${parameter}>: `
  }

  return {
    words: name,
    usage,
    description,
    options,
    example,
    parse(argv) {
      const { positionals, values, tokens } = parse(argv)
      if (positionals.length !== parameters.length) refuse(`expected latchkey ${usage}`)
      const single = tokens.flatMap((token) =>
        token.kind === 'option' && !options[token.name]?.multiple ? [token.name] : [],
      )
      const repeated = single.find((option, index) => single.indexOf(option) < index)
      if (repeated !== undefined) refuse(`Option '--${repeated}' is given twice`)
      const given = Object.fromEntries(
        parameters.map((parameter, index) => [parameter, positionals[index]]),
      ) as Record<Parameter, string>
      return {
        file: file && given[file],
        target: positionals.join(' '),
        json: values.json === true,
        read: (text) => definition.read(given, values as OptionsOf<Given>, text),
      }
    },
    explain(error) {
      if (!(error instanceof UserInputError)) return error
      const labelled = error.errors.map((it) => ({ ...it, message: labelOf(it) + it.message }))
      return new UserInputError(labelled)
    },
  }
}
