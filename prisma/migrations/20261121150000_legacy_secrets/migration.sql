-- AlterTable
ALTER TABLE "ApiKeySecret" ADD COLUMN     "legacy" BOOLEAN NOT NULL DEFAULT false;
