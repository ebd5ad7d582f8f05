import { expect } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { ConfigError } from '../../src/errors.ts'

/** The message of the refusal, which is always one line. */
export function refusal(source: Record<string, string>): string {
  try {
    readConfig(source)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    const message = error instanceof Error ? error.message : ''
    expect(message).not.toMatch(/[\r\n]/)
    return message
  }
  throw new Error(`accepted ${JSON.stringify(source)}`)
}
