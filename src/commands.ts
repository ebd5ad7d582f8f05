import type { Deps } from './deps.ts'
import { SettingError } from './env.ts'
import { replaceOwnerKey } from './modules/workspace/bootstrap.ts'
import { fillExampleWorkspace } from './modules/workspace/example.ts'

const usage = `latchkey bootstrap <slug>   a new owner key for the workspace of that slug
latchkey demo               an example workspace to explore`

/**
 * Runs one command of the command line and returns what it prints.
 *
 * @throws SettingError for a command that there is not; RequestError or UserInputError when it fails
 */
export async function runCommand(deps: Deps, argv: readonly string[]): Promise<string> {
  const [command, argument, ...rest] = argv
  if (command === 'demo' && argument === undefined) return await fillExampleWorkspace(deps)
  if (command === 'bootstrap' && argument !== undefined && rest.length === 0) {
    const { secret } = await replaceOwnerKey(deps, argument)
    return `A new owner key of ${argument}, shown this once:\n${secret}`
  }
  throw new SettingError(`expected one of\n${usage}`)
}
