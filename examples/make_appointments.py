"""Writes examples/appointments.csv: people with appointments, as clinics list them.

    python examples/make_appointments.py

Always the same bytes: names, times and faults are drawn from a seeded
generator, and the numbers are the phonenumbers library's example numbers with
other last digits. They are valid, so some may belong to somebody: dial this
list with the simulated carrier only.

As in real lists some numbers are written in another way, some people are listed
twice, and some rows are broken.
"""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

OUTPUT = Path(__file__).with_name("appointments.csv")
SEED = 20270301
PEOPLE = 1_200
DUPLICATES = 20
FIRST_DAY = datetime(2027, 3, 1)  # noqa: DTZ001 - local time; each row names its zone
DAYS = 10
HEADER = (
    "phone",
    "first_name",
    "last_name",
    "appointment_at",
    "clinic",
    "timezone",
    "custom_id",
)

# Names by where they are common: first names, last names.
NAMES = {
    "english": (
        "Olivia Amelia Jack Grace Noah Isla Harry Ruby Thomas Chloe Ethan Sophie",
        "Smith Taylor Brown Wilson Evans Walker Hughes Clarke Bennett O'Connor Murphy Campbell",
    ),
    "american": (
        "Emma Liam Aaliyah Mason Camila Jayden Hannah Tyrone Madison Diego Priya Wei",
        "Johnson Williams Garcia Nguyen Washington Miller Patel Cohen Kim Rodriguez Lee Davis",
    ),
    "french": (
        "Camille Léa Hugo Chloé Théo Inès Gaël Élodie Mathis Noémie Zoé François",
        "Martin Bernard Dubois Lefèvre Moreau Girard Lemaître Chevalier Benali Roche Faure Petit",
    ),
    "german": (
        "Lena Jonas Mia Felix Jürgen Anneliese Björn Käthe Maximilian Ayşe Sören Ursula",
        "Müller Schmidt Schneider Weiß Krüger Hoffmann Yılmaz Köhler Schäfer Becker Vogel Huber",
    ),
    "nordic": (
        "Astrid Søren Ingrid Lars Åsa Mikkel Aino Väinö Freja Bjørn Linnéa Eero",
        (
            "Nielsen Johansson Lindström Korhonen Hansen Sørensen Virtanen Bergström Berg Dahl "
            "Mäkinen Holm"
        ),
    ),
    "dutch": (
        "Daan Sanne Bram Fleur Thijs Lotte Sem Anouk Joris Femke Ruben Maud",
        "de Vries|van Dijk|Bakker|Janssen|Visser|van den Berg|Smit|Mulder|Peeters|Maes|Bos|Kok",
    ),
    "spanish": (
        "Lucía Mateo Sofía Javier Carmen Álvaro Ximena José Valentina Íñigo Begoña Tomás",
        (
            "García Fernández|López Muñoz|Martínez|Rodríguez Peña|Gómez|Núñez|Sánchez Ortiz|Romero|"
            "Vargas|Castillo|Ibáñez|Quiroga"
        ),
    ),
    "portuguese": (
        "João Beatriz Thiago Mariana Gonçalo Inês Luís Conceição Rafael Letícia André Júlia",
        (
            "Silva Santos Oliveira Souza Araújo Gonçalves Pereira Magalhães Carvalho Ribeiro "
            "Brandão Teixeira"
        ),
    ),
    "italian": (
        "Giulia Lorenzo Chiara Matteo Niccolò Francesca Alessandro Elisa Marco Sara Davide Noemi",
        "Rossi|Russo|Ferrari|Esposito|Bianchi|Romano|Colombo|D'Angelo|De Luca|Conti|Greco|Marino",
    ),
    "slavic": (
        "Zofia Jakub Agnieszka Łukasz Jiří Tereza Ondřej Ivana Dragan Milica Krzysztof Małgorzata",
        (
            "Kowalski Nowak Wójcik Novák Dvořák Svoboda Horváth Jovanović Petrović Zieliński Černý "
            "Kovačić"
        ),
    ),
    "greek": (
        "Eleni Giorgos Maria Nikos Katerina Dimitris Sofia Yannis Despina Kostas Anna Petros",
        (
            "Papadopoulos Georgiou Nikolaidis Pappas Ioannou Economou Dimitriou Karras Makris "
            "Vlachos Alexiou Kotsis"
        ),
    ),
    "turkish": (
        "Elif Mehmet Zeynep Mustafa Ayşe Emre Gül Çağla Ömer Şule Can Deniz",
        "Yıldız Demir Şahin Çelik Kaya Öztürk Aydın Arslan Doğan Kılıç Aslan Koç",
    ),
    "arabic": (
        "Fatima Mohammed Layla Omar Noor Khalid Mariam Yousef Huda Tariq Amina Salim",
        (
            "Al-Farsi|Haddad|El-Sayed|Khoury|Al-Mansouri|Nasser|Hassan|Ibrahim|Benjelloun|Al-Harbi|"
            "Saleh|Mansour"
        ),
    ),
    "hebrew": (
        "Noa Yosef Tamar Eitan Maya Avi Shira Daniel Yael Uri Rivka Amir",
        "Levi Mizrahi Peretz Biton Friedman Katz Azoulay Shapiro Ben-David Dahan Gabay Rosen",
    ),
    "indian": (
        "Aarav Ananya Rohan Diya Lakshmi Arjun Meera Vikram Sunita Harpreet Kavya Imran",
        "Sharma Patel Iyer Singh Reddy Nair Banerjee Gupta Khan Desai Kulkarni Fernando",
    ),
    "chinese": (
        "Wei Mei-Ling Jian Xiaoming Li-Hua Chen Yun Hao Siu-Ling Kwok-Wai Ying Jing",
        "Wang Li Zhang Chan Wong Lim Tan Liu Huang Leung Ng Cheung",
    ),
    "japanese": (
        "Haruto Yui Sakura Ren Aoi Takumi Hina Kenji Yoko Sota Mio Naoki",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Ōno Kato Yoshida",
    ),
    "korean": (
        "Min-jun Seo-yeon Ji-ho Ha-eun Do-yun Ji-woo Eun-ji Hyun-woo Soo-jin Jae-won Yuna Tae-yang",
        "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Seo",
    ),
    "southeast": (
        "Siti Budi Ahmad Dewi Nurul Somchai Linh Minh Maria Jose Angelica Anh",
        (
            "Nguyễn|Trần|Wijaya|Santoso|binti Abdullah|bin Ismail|Dela Cruz|Reyes|Srisai|Phạm|"
            "Santos|Chaiyasit"
        ),
    ),
    "westafrican": (
        "Chidi Ngozi Kwame Ama Oluwaseun Adaeze Kofi Efua Babajide Folake Emeka Abena",
        "Okafor Mensah Adeyemi Owusu Balogun Nwosu Boateng Eze Asante Okonkwo Osei Adebayo",
    ),
    "eastafrican": (
        "Wanjiru Juma Achieng Baraka Amani Otieno Neema Kamau Zawadi Mutua Halima Kiprop",
        "Mwangi Odhiambo Kamau Njoroge Mushi Nakato Okello Wambui Kipchoge Ouma Hamisi Tesfaye",
    ),
    "southafrican": (
        "Thandiwe Sipho Lerato Pieter Nomvula Johan Zanele Kagiso Anika Bongani Priya Willem",
        (
            "Dlamini|Nkosi|van der Merwe|Botha|Naidoo|Mokoena|Khumalo|du Plessis|Pillay|Zulu|"
            "Venter|Molefe"
        ),
    ),
}


@dataclass(frozen=True)
class Place:
    region: str
    timezone: str
    city: str
    names: str


PLACES = tuple(
    Place(*line.split())
    for line in """\
AE Asia/Dubai Dubai arabic
AR America/Argentina/Buenos_Aires Rosario spanish
AT Europe/Vienna Graz german
AU Australia/Sydney Parramatta english
BE Europe/Brussels Ghent dutch
BR America/Sao_Paulo Campinas portuguese
CA America/Toronto Hamilton american
CH Europe/Zurich Winterthur german
CL America/Santiago Valparaíso spanish
CN Asia/Shanghai Hangzhou chinese
CO America/Bogota Medellín spanish
CZ Europe/Prague Brno slavic
DE Europe/Berlin Leipzig german
DK Europe/Copenhagen Aarhus nordic
EG Africa/Cairo Giza arabic
ES Europe/Madrid Zaragoza spanish
FI Europe/Helsinki Tampere nordic
FR Europe/Paris Nantes french
GB Europe/London Leeds english
GH Africa/Accra Kumasi westafrican
GR Europe/Athens Patras greek
HK Asia/Hong_Kong Kowloon chinese
HR Europe/Zagreb Split slavic
ID Asia/Jakarta Bandung southeast
IE Europe/Dublin Cork english
IL Asia/Jerusalem Haifa hebrew
IN Asia/Kolkata Pune indian
IT Europe/Rome Bologna italian
JP Asia/Tokyo Yokohama japanese
KE Africa/Nairobi Kisumu eastafrican
KR Asia/Seoul Daejeon korean
LK Asia/Colombo Kandy indian
MA Africa/Casablanca Rabat arabic
MX America/Mexico_City Puebla spanish
MY Asia/Kuala_Lumpur Ipoh southeast
NG Africa/Lagos Ibadan westafrican
NL Europe/Amsterdam Utrecht dutch
NO Europe/Oslo Bergen nordic
NZ Pacific/Auckland Wellington english
PE America/Lima Arequipa spanish
PH Asia/Manila Cebu southeast
PL Europe/Warsaw Gdańsk slavic
PT Europe/Lisbon Porto portuguese
RS Europe/Belgrade Niš slavic
SE Europe/Stockholm Malmö nordic
SG Asia/Singapore Jurong chinese
TH Asia/Bangkok Chonburi southeast
TR Europe/Istanbul Bursa turkish
TZ Africa/Dar_es_Salaam Arusha eastafrican
US America/New_York Newark american
US America/Chicago Milwaukee american
US America/Los_Angeles Oakland american
VN Asia/Ho_Chi_Minh Danang southeast
ZA Africa/Johannesburg Durban southafrican
""".splitlines()
)
CLINICS = ("Family Health", "Dental Care", "Eye Centre", "Physiotherapy", "Skin Clinic")


@dataclass(frozen=True)
class Person:
    number: PhoneNumber
    first_name: str
    last_name: str
    appointment_at: str
    clinic: str
    timezone: str
    custom_id: str

    def row(self, phone: str) -> list[str]:
        return [
            phone,
            self.first_name,
            self.last_name,
            self.appointment_at,
            self.clinic,
            self.timezone,
            self.custom_id,
        ]


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def spaced(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def numbers(region: str, rng: random.Random) -> Iterator[PhoneNumber]:
    """Valid numbers of a region, none twice: its example with other last digits."""
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        raise LookupError(f"no example number for {region}")
    ends = list(range(10_000))
    rng.shuffle(ends)
    for end in ends:
        national = example.national_number // 10_000 * 10_000 + end
        number = PhoneNumber(example.country_code, national)
        if phonenumbers.is_valid_number_for_region(number, region):
            yield number


def words(text: str) -> list[str]:
    """Splits at bars where there are any, so that a name may hold a space."""
    return text.split("|") if "|" in text else text.split()


def appointment(rng: random.Random) -> str:
    day = FIRST_DAY + timedelta(days=rng.choice([d for d in range(DAYS + 4) if d % 7 < 5]))
    moment = day + timedelta(hours=9, minutes=20 * rng.randrange(24))
    return moment.isoformat(sep=" ", timespec="minutes")


def people(rng: random.Random) -> list[Person]:
    pools = {place.region: numbers(place.region, rng) for place in PLACES}
    result = []
    for index in range(PEOPLE):
        # Everywhere first, then at random: so every place has some.
        place = PLACES[index] if index < len(PLACES) else rng.choice(PLACES)
        first_names, last_names = NAMES[place.names]
        result.append(
            Person(
                number=next(pools[place.region]),
                first_name=rng.choice(words(first_names)),
                last_name=rng.choice(words(last_names)),
                appointment_at=appointment(rng),
                clinic=f"{place.city} {rng.choice(CLINICS)}",
                timezone=place.timezone,
                custom_id="",
            )
        )
    rng.shuffle(result)
    return [
        replace(person, custom_id=f"C-{position:05}")
        for position, person in enumerate(result, start=1)
    ]


def good_row(person: Person, rng: random.Random) -> list[str]:
    """Most lists hold plain numbers; some were typed by hand."""
    written = spaced(person.number) if rng.random() < 0.12 else e164(person.number)
    return person.row(written)


def duplicate_rows(listed: list[Person], rng: random.Random) -> list[list[str]]:
    """The same numbers again: as they are, in other writing, with another appointment."""
    rows = []
    for index, person in enumerate(rng.sample(listed, DUPLICATES)):
        plain = e164(person.number)
        writings = (
            plain,
            spaced(person.number),
            spaced(person.number).replace(" ", "-"),
            f" {plain[:4]} ({plain[4:7]}) {plain[7:]} ",
        )
        again = replace(person, appointment_at=appointment(rng)) if index % 3 == 0 else person
        rows.append(again.row(writings[index % len(writings)]))
    return rows


def bad_rows(rng: random.Random) -> list[list[str]]:
    """Rows that no list should hold and every list does."""

    def filler(phone: str) -> list[str]:
        place = rng.choice(PLACES)
        first_names, last_names = NAMES[place.names]
        return [
            phone,
            rng.choice(words(first_names)),
            rng.choice(words(last_names)),
            appointment(rng),
            f"{place.city} {rng.choice(CLINICS)}",
            place.timezone,
            f"C-{90_000 + rng.randrange(10_000)}",
        ]

    return [
        filler(""),  # no number
        filler("   "),
        filler("n/a"),
        filler("call her sister"),
        filler("+44 7400 12E456"),  # a letter among the digits
        filler("+1-800-GO-CLINIC-NOW"),
        filler("07400 123456"),  # no country code
        filler("4915123456789"),  # no plus sign
        filler("+4915"),  # too short
        filler("+33 6 12 34 56 78 90 12 34 56 78"),  # too long
        filler("4.47400E+11"),  # what a spreadsheet makes of a number
        filler("+999 555 0100"),  # no such country
        filler("+34612345678")[:2],  # too few columns
        [*filler("+81 90-1234-5678"), "asked for a morning", "call back"],  # too many
    ]


def scattered(rows: list[list[str]], extra: list[list[str]], rng: random.Random) -> list[list[str]]:
    """Puts the extra rows anywhere after the first few."""
    result = list(rows)
    for row in extra:
        result.insert(rng.randrange(20, len(result) + 1), row)
    return result


def appointments() -> str:
    rng = random.Random(SEED)
    listed = people(rng)
    rows = [good_row(person, rng) for person in listed]
    rows = scattered(rows, duplicate_rows(listed, rng), rng)
    rows = scattered(rows, bad_rows(rng), rng)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    OUTPUT.write_bytes(appointments().encode())
