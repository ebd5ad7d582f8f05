import { type UserError, type UserErrorCode, UserInputError } from '../errors.ts'

/** Enough to put right at once; an answer must not grow far beyond the input that it refuses. */
export const maxProblems = 100

/** Gathers what is wrong with an input, so that one answer names all of it. */
export class ValidationErrors {
  readonly #errors: UserError[] = []
  readonly #max: number

  constructor(max = maxProblems) {
    this.#max = max
  }

  /** Notes one problem, if not too many are; `path` leads to the field inside the mutation's `input`. */
  add(code: UserErrorCode, path: readonly (string | number)[], message: string): void {
    if (this.#errors.length < this.#max)
      this.#errors.push({ code, message, path: ['input', ...path.map(String)] })
  }

  get errors(): readonly UserError[] {
    return this.#errors
  }

  get any(): boolean {
    return this.#errors.length > 0
  }

  /** @throws UserInputError with all problems noted so far, if there are any. */
  throwIfAny(): void {
    if (this.any) throw new UserInputError(this.#errors)
  }
}
