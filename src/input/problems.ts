import { type UserError, type UserErrorCode, UserInputError } from '../errors.ts'

/** Gathers what is wrong with an input, so that one answer names all of it. */
export class InputProblems {
  readonly #errors: UserError[] = []

  /** Notes one problem; `path` leads to the field inside the mutation's `input`. */
  add(code: UserErrorCode, path: readonly (string | number)[], message: string): void {
    this.#errors.push({ code, message, path: ['input', ...path.map(String)] })
  }

  get any(): boolean {
    return this.#errors.length > 0
  }

  /** @throws UserInputError with all problems noted so far, if there are any. */
  throwIfAny(): void {
    if (this.any) throw new UserInputError(this.#errors)
  }
}
