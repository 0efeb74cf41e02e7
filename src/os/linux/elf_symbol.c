/* SPDX-License-Identifier: Apache-2.0 */
#include "os/linux/elf_symbol.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

bool elf_file_open(struct elf_file *f, const char *path)
{
    struct stat st;
    *f = (struct elf_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof(ElfW(Ehdr))) {
        f->size = (size_t)st.st_size;
        void *map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        f->map = map == MAP_FAILED ? NULL : map;
    }
    close(fd);
    if (f->map && !mem_eq(f->map, ELFMAG, SELFMAG)) {
        elf_file_close(f);
    }
    return f->map != NULL;
}

void elf_file_close(struct elf_file *f)
{
    if (f->map) {
        munmap((void *)(uintptr_t)f->map, f->size);
    }
    *f = (struct elf_file){0};
}

/* The file's bytes [offset, offset + len), or NULL. */
static const void *range_get(const struct elf_file *f, uint64_t offset, uint64_t len)
{
    return offset <= f->size && len <= f->size - offset ? f->map + offset : NULL;
}

/* Copied: nothing promises that a section header is aligned in the file. */
static bool section_read(const struct elf_file *f, unsigned index, ElfW(Shdr) * out)
{
    ElfW(Ehdr) header;
    mem_copy(&header, f->map, sizeof(header));
    if (index >= header.e_shnum || header.e_shentsize != sizeof(*out)) {
        return false;
    }
    const void *p = range_get(f, header.e_shoff + (uint64_t)index * sizeof(*out), sizeof(*out));
    if (p) {
        mem_copy(out, p, sizeof(*out));
    }
    return p != NULL;
}

static bool section_find(const struct elf_file *f, unsigned type, ElfW(Shdr) * out)
{
    for (unsigned i = 0; section_read(f, i, out); i++) {
        if (out->sh_type == type) {
            return true;
        }
    }
    return false;
}

static bool symbol_covers(const ElfW(Sym) * s, uint64_t vaddr)
{
    /* ELF64_ST_TYPE is the same for both classes */
    return ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx != SHN_UNDEF &&
           vaddr >= s->st_value && vaddr - s->st_value < MAX(s->st_size, 1);
}

static const char *symbol_name(const struct elf_file *f, const ElfW(Shdr) * strings, uint64_t at)
{
    const char *text = range_get(f, strings->sh_offset, strings->sh_size);
    if (!text || at >= strings->sh_size || text[strings->sh_size - 1] != '\0') {
        return NULL;
    }
    return text + at;
}

const char *elf_symbol_get(const struct elf_file *f, uint64_t vaddr, uint64_t *offset_r)
{
    ElfW(Shdr) table;
    ElfW(Shdr) strings;
    if (!f->map || (!section_find(f, SHT_SYMTAB, &table) && !section_find(f, SHT_DYNSYM, &table)) ||
        !section_read(f, table.sh_link, &strings)) {
        return NULL;
    }
    const uint8_t *symbols = range_get(f, table.sh_offset, table.sh_size);
    for (uint64_t i = 0; symbols && i < table.sh_size / sizeof(ElfW(Sym)); i++) {
        ElfW(Sym) s;
        mem_copy(&s, symbols + i * sizeof(s), sizeof(s));
        if (symbol_covers(&s, vaddr)) {
            *offset_r = vaddr - s.st_value;
            return symbol_name(f, &strings, s.st_name);
        }
    }
    return NULL;
}
