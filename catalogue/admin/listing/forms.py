"""The form of a listing: category, title and the attributes that the channel has in that category."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.services.listing import categories
from catalogue.services.listing.attributes import ListingAttribute
from catalogue.services.listing.drafts import ListingForm
from channels.models import Connection

MOST_CHOICES = 500  # of a drop-down; an attribute with more allowed values is typed
LINE = _("One per line, as Name: value.")


def category_field(store: Connection) -> forms.CharField:
    """Return the field of one category of a store: text, with suggestions."""
    attrs = {"data-suggest": reverse("admin:category_names", args=[store.pk]), "autocomplete": "off"}
    return forms.CharField(
        label=_("Category in the store"),
        max_length=1200,
        required=False,
        widget=forms.TextInput(attrs=attrs),
        help_text=_("Enter words of its name or its channel ID, and choose one of the list."),
    )


def attribute_field(each: ListingAttribute, channel: str) -> forms.Field:
    """Return the field of one attribute: a drop-down of the allowed values, else text. An incomplete draft can be saved."""
    label = f"{each.label} *" if each.is_required and not each.has_default else each.label
    help_text = each.help_text
    if each.is_required and not each.has_default:
        help_text = " ".join(filter(None, [gettext("%s needs it.") % channel, help_text]))
    if each.values and len(each.values) <= MOST_CHOICES:
        return forms.CharField(
            label=label,
            required=False,
            help_text=help_text,
            widget=forms.Select(choices=[("", "–"), *((value, value) for value in each.values)]),
        )
    return forms.CharField(label=label, required=False, max_length=2000, help_text=help_text)


def lines_of(values: Mapping[str, str]) -> str:
    """Return attributes as lines that a person edits: "Name: value"."""
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def values_of(text: str) -> dict[str, str]:
    """Return the attributes of these lines. Raise `CatalogueError` for a line without a name and a value."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (name and colon and value):
            raise CatalogueError(gettext("“%s” has no name and value. Write it as Name: value.") % line[:80])
        found[name[:255]] = value[:2000]
    return found


class AttributeFields(forms.Form):
    """Fields of attributes: one for each that the category has, or lines where attributes do not depend on it."""

    def __init__(
        self,
        *args: Any,
        store: Connection,
        attributes: Sequence[ListingAttribute],
        values: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        rules = store.spec.listing_rules
        self.store = store
        self.shown = list(attributes) if rules.by_category else []
        names = {each.name.casefold() for each in self.shown}
        by_name = {name.casefold(): value for name, value in values.items()}
        for place, each in enumerate(self.shown):
            self.fields[f"attribute-{place}"] = attribute_field(each, store.spec.label)
            value = by_name.get(each.name.casefold(), "")
            self.initial.setdefault(f"attribute-{place}", value)
            field = self.fields[f"attribute-{place}"]
            if isinstance(field.widget, forms.Select) and value and value not in each.values:
                field.widget.choices = [*field.widget.choices, (value, value)]
        if rules.by_category:
            return
        known = ", ".join(each.name for each in attributes[:20])
        help_text = str(LINE)
        if known and not rules.free_attributes:
            there = gettext("The store has: %s") % known
            help_text = f"{help_text} {there}{' …' if len(attributes) > 20 else ''}"
        self.fields["lines"] = forms.CharField(
            label=_("Attributes"),
            required=False,
            widget=forms.Textarea(attrs={"rows": 4}),
            help_text=help_text,
        )
        rest = {name: value for name, value in values.items() if name.casefold() not in names}
        self.initial.setdefault("lines", lines_of(rest))

    def clean_lines(self) -> str:
        text: str = self.cleaned_data["lines"]
        try:
            values_of(text)
        except CatalogueError as error:
            raise forms.ValidationError(str(error)) from None
        return text

    def chosen(self) -> dict[str, str]:
        """Return the attributes with a value, by name."""
        data = self.cleaned_data
        found = {
            each.name: data[f"attribute-{place}"].strip()
            for place, each in enumerate(self.shown)
            if data.get(f"attribute-{place}", "").strip()
        }
        return {**found, **values_of(data.get("lines", ""))}

    def field_of(self, name: str) -> str:
        """Return the form's field of a problem's field: `attribute:Colour` -> `attribute-3`; "" where it has none."""
        wanted = name.partition(":")[2].casefold()
        for place, each in enumerate(self.shown):
            if each.name.casefold() == wanted:
                return f"attribute-{place}"
        if name.startswith("attribute"):
            return "lines" if "lines" in self.fields else ""
        own = {"category_external_ids": "category", "title": "title"}.get(name, "")
        return own if own in self.fields else ""


class ListingFields(AttributeFields):
    """Category, title and attributes of one listing.

    `options` are the options of a group with their values: an attribute of the same name is not entered for the listing, but
    chosen for each value. `own` has what was chosen before, by attribute and value.
    """

    def __init__(
        self,
        *args: Any,
        product_title: str,
        options: Mapping[str, Sequence[str]] | None = None,
        own: Mapping[str, Mapping[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.by_option: dict[str, tuple[str, str]] = {}  # field -> attribute, option value
        self._add_options(options or {}, own or {})
        rules, label = self.store.spec.listing_rules, self.store.spec.label
        first: dict[str, forms.Field] = {"category": category_field(self.store)}
        if rules.needs_category:
            first["category"].label = f"{first['category'].label} *"
        if rules.many_categories:
            first["more_categories"] = forms.CharField(
                label=_("More categories"),
                required=False,
                widget=forms.Textarea(attrs={"rows": 2}),
                help_text=_("One per line: a path or a channel ID."),
            )
        first["title"] = forms.CharField(
            label=_("Title in this store"),
            max_length=300,
            required=False,
            help_text=gettext(
                "%(channel)s takes up to %(most)d characters. Empty: the title of the product, which has %(now)d."
            )
            % {"channel": label, "most": rules.title_length, "now": len(product_title)},
        )
        self.fields = {**first, **self.fields}
        self.fields["remembers"] = forms.BooleanField(
            label=_("Begin the next listing in this category with these values"), required=False
        )

    def _add_options(
        self, options: Mapping[str, Sequence[str]], own: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Replace the fields of attributes that are options by one field for each value."""
        by_name = {name.casefold(): values for name, values in options.items()}
        for place, each in enumerate(self.shown):
            if each.name.casefold() not in by_name:
                continue
            del self.fields[f"attribute-{place}"]
            for number, value in enumerate(by_name[each.name.casefold()] if each.values else ()):
                name = f"option-{place}-{number}"
                field = attribute_field(each, self.store.spec.label)
                field.label = gettext("%(attribute)s of %(value)s") % {
                    "attribute": each.label,
                    "value": value,
                }
                field.help_text = gettext("The SKUs with this option have this value in the store.")
                chosen = own.get(each.name, {}).get(value) or each.spelled(value)
                self.initial.setdefault(name, "" if each.refuses(chosen) else chosen)
                self.fields[name], self.by_option[name] = field, (each.name, value)

    def sku_values(self) -> dict[str, dict[str, str]]:
        """Return the store's value of each option value, by the attribute's name."""
        found: dict[str, dict[str, str]] = {}
        for field, (name, value) in self.by_option.items():
            found.setdefault(name, {})[value] = self.cleaned_data.get(field, "")
        return found

    def entered_categories(self) -> list[str]:
        """Return the channel IDs of the entered categories. Raise `CatalogueError` for one that the store does not have."""
        data = self.cleaned_data
        return categories.find_all(self.store, f"{data['category']}\n{data.get('more_categories', '')}")

    def entered(self, external_ids: Iterable[str]) -> ListingForm:
        """Return the form as the service takes it."""
        return ListingForm(list(external_ids), self.cleaned_data["title"], self.chosen(), self.sku_values())
